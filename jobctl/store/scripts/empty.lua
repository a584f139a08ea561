-- Moves jobs of a queue that do not run to the trash, one bounded batch a call.
-- INCLUDE: _live _list _lanes _due _archive _settle _events
-- KEYS: ready emptied emptied_due
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

-- What had a time gets it back when it is restored.
local function take_all(row, want)
  local rows = redis.call('ZRANGE', K[row.key], 0, want - 1, 'WITHSCORES')
  for i = 1, #rows, 2 do
    local id = rows[i]
    if row.key == 'limited' then unpark(K, queue, id) else redis.call('ZREM', K[row.key], id) end
    if row.timed then redis.call('HSET', K.emptied_due, id, row.state .. '|' .. rows[i + 1]) end
    to_trash(id)
  end
end

local left = 0
for _, row in ipairs(LIVE) do
  if row.state ~= 'running' then
    if #moved < limit then take_all(row, limit - #moved) end
    left = left + redis.call('ZCARD', K[row.key])
  end
end
refresh_due(K, queue)
if #moved < limit then
  local entries = redis.call('LPOP', K.ready, limit - #moved)
  for _, id in ipairs(entries and live_of(K, entries) or {}) do to_trash(id) end
end
over(K, moved, 'cancelled')
announce(K, queue, moved)
return { #moved, left + redis.call('LLEN', K.ready) }
