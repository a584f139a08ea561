-- From a live job to an ended one.
-- KEYS: bodies archive cancelled

-- Moves a live body to the archive, where the bodies of all ended jobs lie.
local function archive_body(k, id)
  local body = redis.call('HGET', k.bodies, id)
  redis.call('HDEL', k.bodies, id)
  redis.call('HSET', k.archive, id, body or '')
end

-- A job is cancelled now.
local function cancel_now(k, id, now)
  archive_body(k, id)
  redis.call('ZADD', k.cancelled, now, id)
end
