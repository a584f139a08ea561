-- How the bodies of ended jobs come back to life.
-- INCLUDE: _budget
-- KEYS: bodies archive crashes

local MINTED_LENGTH = 20 -- ids of jobctl have this length; stock messages have a UUID

-- A stock message that runs again says so in its timestamp, by which stock workers judge its age. The timestamp is the
-- last field of every body, so the tail is rewritten as text; a body of another shape stays as it is.
local function renewed(id, body, now)
  if #id == MINTED_LENGTH then return body end
  local at = string.find(string.sub(body, -50), '"message_timestamp": ?%d+}$')
  if not at then return body end
  return string.sub(body, 1, math.max(0, #body - 50) + at - 1) .. string.format('"message_timestamp":%.0f}', now)
end

-- Archived bodies become live again. Returns the ids of those that had one: without it nothing could run. O(#ids).
local function revive_bodies(k, ids, now)
  if #ids == 0 then return ids end
  local good, fields = {}, {}
  local bodies = redis.call('HMGET', k.archive, unpack(ids))
  spend_bytes(bodies, WRITTEN)
  for i, body in ipairs(bodies) do
    if body then
      good[#good + 1] = ids[i]
      fields[#fields + 1], fields[#fields + 2] = ids[i], renewed(ids[i], body, now)
    end
  end
  if #good == 0 then return good end
  redis.call('HDEL', k.archive, unpack(good)) -- first: at maxmemory the first write must not need memory
  redis.call('HSET', k.bodies, unpack(fields))
  if redis.call('EXISTS', k.crashes) == 1 then redis.call('HDEL', k.crashes, unpack(good)) end
  return good
end
