-- The index of due times, and the wake token: which worker sleeps until when.
-- INCLUDE-LATE: _live
-- KEYS: limits due wake

local function sub(k, name) return k.limits .. ':' .. name end -- a key of a queue's limits

-- One token in the wake list is enough: a worker that takes it and leaves jobs behind puts it back.
local function wake(k)
  if redis.call('EXISTS', k.wake) == 0 then redis.call('RPUSH', k.wake, '1') end
end

-- Sets the queue's entry in the index of due times to the earliest of its jobs that have a time, and of the times at
-- which its limits are looked at again. Returns it; nil if there is none.
local function refresh_due(k, queue)
  local first
  local function earliest(zset)
    local at = tonumber(redis.call('ZRANGE', zset, 0, 0, 'WITHSCORES')[2])
    if at and (not first or at < first) then first = at end
  end
  for _, row in ipairs(late().TIMED) do earliest(k[row.key]) end
  earliest(sub(k, 'holds'))
  if first then
    redis.call('ZADD', k.due, first, queue)
  else
    redis.call('ZREM', k.due, queue)
  end
  return first
end

-- A due time earlier than all others of its queue wakes a worker, so that it sleeps no longer than until then.
local function due_by(k, queue, at)
  local before = tonumber(redis.call('ZSCORE', k.due, queue) or nil)
  if not before or at < before then
    redis.call('ZADD', k.due, at, queue)
    wake(k)
  end
end
