-- Brings jobs back from the trash: discarded dead letters are dead again; emptied jobs wait again, or for their time.
-- INCLUDE: _budget _groups _revive _again
-- KEYS: trash origins
-- ARGV: queue, then for each job: id, group, group info, died_at ms (of use only for a dead letter)
-- Returns: {how many jobs were gone through, for each of them 1 if it was restored, 0 if it was not in the trash or has no
--          body}
-- Cost: O(jobs), within the budget

local now = time_ms()
local out = { 0 }

local function revive(ids, origins)
  local good = revive_bodies(K, ids, now)
  if #good == 0 then return good end
  redis.call('ZREM', K.trash, unpack(good))
  redis.call('HDEL', K.origins, unpack(good))
  live_again(K, ARGV[1], good, origins, now)
  return good
end

out[1] = each_slice(2, 4, function(from, to)
  local ids, done, emptied, origin_of = column(from, to, 4), {}, {}, {}
  local origins = redis.call('HMGET', K.origins, unpack(ids))
  for i, expires in ipairs(redis.call('ZMSCORE', K.trash, unpack(ids))) do
    local id, at = ids[i], from + (i - 1) * 4
    if expires and origins[i] and not origin_of[id] then
      emptied[#emptied + 1], origin_of[id] = id, origins[i]
    elseif expires and not origins[i] and redis.call('ZREM', K.trash, id) == 1 then
      bury_in_group(K, id, ARGV[at + 1], ARGV[at + 2], ARGV[at + 3])
      done[id] = true
    end
  end
  for _, id in ipairs(revive(emptied, origin_of)) do done[id] = true end
  for _, id in ipairs(ids) do
    out[#out + 1] = done[id] and 1 or 0
    done[id] = nil
  end
end)
return out
