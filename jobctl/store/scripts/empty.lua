-- Moves waiting, limited, delayed and retrying jobs of a queue to the trash, one bounded batch a call.
-- INCLUDE: _lanes _unique _settle
-- KEYS: ready bodies ordered running stale delayed retrying due archive emptied emptied_due finished limits lanes limited uniques expiring wake
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
local function from_zset(zset, state)
  local want = limit - #moved
  if want <= 0 then return end
  local rows = redis.call('ZRANGE', zset, 0, want - 1, 'WITHSCORES')
  for i = 1, #rows, 2 do
    redis.call('ZREM', zset, rows[i])
    if state then redis.call('HSET', K.emptied_due, rows[i], state .. '|' .. rows[i + 1]) end
    to_trash(rows[i])
  end
end

from_zset(K.ordered)
local held = #moved < limit and redis.call('ZRANGE', K.limited, 0, limit - #moved - 1) or {}
for _, id in ipairs(held) do
  unpark(K, queue, id)
  to_trash(id)
end
from_zset(K.delayed, 'delayed')
from_zset(K.retrying, 'retrying')
refresh_due(K, queue)
if #moved < limit then
  local skipped = 0
  for _, id in ipairs(redis.call('LPOP', K.ready, limit - #moved) or {}) do
    local live = redis.call('HEXISTS', K.bodies, id) == 1 and redis.call('HEXISTS', K.running, id) == 0
      and not redis.call('ZSCORE', K.delayed, id) and not redis.call('ZSCORE', K.retrying, id)
      and not redis.call('ZSCORE', K.limited, id)
    if live then to_trash(id) else skipped = skipped + 1 end
  end
  if skipped > 0 then uncount(K, skipped) end
end
over(K, moved, 'cancelled')
announce(K, moved)
local left = redis.call('LLEN', K.ready) + redis.call('ZCARD', K.ordered) + redis.call('ZCARD', K.limited)
  + redis.call('ZCARD', K.delayed) + redis.call('ZCARD', K.retrying)
return { #moved, left }
