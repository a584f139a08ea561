-- Takes back a cancel: jobs wait again, or for their time, if they are cancelled still, and were by then.
-- INCLUDE: _budget _revive _again
-- KEYS: cancelled
-- ARGV: queue, until when they were cancelled (epoch ms), then for each job: id, its state before, with `|DUE` if it had a due
--       time
-- Returns: {how many jobs were gone through, for each of them 1 if it lives again, 0 if it is not cancelled, or has been
--          later, or has no body}
-- Cost: O(jobs), within the budget

local now, latest = time_ms(), tonumber(ARGV[2])
local out = { 0 }

out[1] = each_slice(3, 2, function(from, to)
  local ids, given, origins, done = column(from, to, 2), {}, {}, {}
  for i, at in ipairs(redis.call('ZMSCORE', K.cancelled, unpack(ids))) do
    if at and tonumber(at) <= latest and not origins[ids[i]] then
      given[#given + 1], origins[ids[i]] = ids[i], ARGV[from + (i - 1) * 2 + 1]
    end
  end
  local good = revive_bodies(K, given, now)
  if #good > 0 then
    redis.call('ZREM', K.cancelled, unpack(good))
    live_again(K, ARGV[1], good, origins, now)
  end
  for _, id in ipairs(good) do done[id] = true end
  for _, id in ipairs(ids) do
    out[#out + 1] = done[id] and 1 or 0
    done[id] = nil
  end
end)
return out
