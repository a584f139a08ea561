-- From live jobs to ended ones.
-- INCLUDE: _budget
-- INCLUDE-LATE: _hooks _unique
-- KEYS: bodies archive cancelled uniques expiring hooks

-- Moves live bodies to the archive, where the bodies of all ended jobs are. Returns them. O(#ids).
local function archive(k, ids)
  local bodies = redis.call('HMGET', k.bodies, unpack(ids))
  spend_bytes(bodies, WRITTEN)
  redis.call('HDEL', k.bodies, unpack(ids))
  local fields = {}
  for i, id in ipairs(ids) do fields[2 * i - 1], fields[2 * i] = id, bodies[i] or '' end
  redis.call('HSET', k.archive, unpack(fields))
  return bodies
end

-- Adds jobs to a sorted set, all with the same score. O(#ids).
local function add_scored(key, ids, score)
  if #ids == 0 then return end
  local rows = {}
  for i, id in ipairs(ids) do rows[2 * i - 1], rows[2 * i] = score, id end
  redis.call('ZADD', key, unpack(rows))
end

-- Jobs that have ended as `event` says (completed, dead, cancelled) hold no unique key and never expire, and the hooks of
-- their types are enqueued. O(#ids).
local function let_go(k, ids, bodies, event)
  if redis.call('EXISTS', k.uniques, k.expiring, k.hooks) == 0 then return end
  late().enqueue_hooks(k, ids, bodies, event)
  late().free_keys(k, ids, event)
  redis.call('ZREM', k.expiring, unpack(ids))
end

-- Live jobs end as `event` says: they go to the sorted set `key` with a score. O(#ids).
local function end_jobs(k, ids, key, score, event)
  if #ids == 0 then return end
  local bodies = archive(k, ids)
  add_scored(key, ids, score)
  let_go(k, ids, bodies, event)
end

-- Live jobs end as cancelled. O(#ids).
local function end_cancelled(k, ids, now) end_jobs(k, ids, k.cancelled, now, 'cancelled') end
