-- How the bodies of ended jobs come back to life.
-- KEYS: bodies archive crashes records queues

local MINTED_LENGTH = 20 -- ids of jobctl have this length; stock messages have a UUID

-- A stock message that runs again says so in its timestamp, by which stock workers judge its age. The timestamp is the
-- last field of every body, so the tail is rewritten as text; a body of another shape stays as it is.
local function renewed(id, body, now)
  if #id == MINTED_LENGTH then return body end
  local at = string.find(string.sub(body, -50), '"message_timestamp": ?%d+}$')
  if not at then return body end
  return string.sub(body, 1, math.max(0, #body - 50) + at - 1) .. string.format('"message_timestamp":%.0f}', now)
end

-- Nobody would ever delete the records of jobs that only stock workers run. O(#ids).
local function drop_records_of_stock(k, queue, ids)
  if #ids > 0 and redis.call('SISMEMBER', k.queues, queue) == 0 then redis.call('HDEL', k.records, unpack(ids)) end
end

-- An archived body becomes live again.
local function revive_body(k, id)
  local body = redis.call('HGET', k.archive, id)
  if not body then return false end
  redis.call('HSET', k.bodies, id, renewed(id, body, time_ms()))
  redis.call('HDEL', k.archive, id)
  redis.call('HDEL', k.crashes, id)
  return true
end
