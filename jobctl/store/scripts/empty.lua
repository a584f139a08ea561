-- Moves waiting, delayed and retrying jobs of a queue to the trash, one bounded batch a call.
-- KEYS: ready bodies ordered running stale delayed retrying due archive emptied finished
-- ARGV: queue, ttl_ms, limit
-- Returns: {moved, left}: how many went, and how many entries are still to be looked at
-- Cost: O(limit)

local queue, expires, limit = ARGV[1], time_ms() + tonumber(ARGV[2]), tonumber(ARGV[3])
local moved = {}
local function to_trash(id)
  archive_body(K, id)
  redis.call('ZADD', K.emptied, expires, id)
  moved[#moved + 1] = id
end

for _, zset in ipairs({ K.ordered, K.delayed, K.retrying }) do
  local room = limit - #moved
  local ids = room > 0 and redis.call('ZRANGE', zset, 0, room - 1) or {} -- with no room, 0 to -1 would be all of it
  if #ids > 0 then
    redis.call('ZREM', zset, unpack(ids))
    for _, id in ipairs(ids) do to_trash(id) end
  end
end
refresh_due(K, queue)
if #moved < limit then
  local skipped = 0
  for _, id in ipairs(redis.call('LPOP', K.ready, limit - #moved) or {}) do
    local live = redis.call('HEXISTS', K.bodies, id) == 1 and redis.call('HEXISTS', K.running, id) == 0
    if live then to_trash(id) else skipped = skipped + 1 end
  end
  if skipped > 0 then uncount(K, skipped) end
end
announce(K, moved)
local left = redis.call('LLEN', K.ready) + redis.call('ZCARD', K.ordered)
  + redis.call('ZCARD', K.delayed) + redis.call('ZCARD', K.retrying)
return { #moved, left }
