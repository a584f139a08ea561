-- Writes the payload of a hook's job, which was made of the job that has ended, if its attempt is the current one.
-- INCLUDE: _budget _token
-- KEYS: bodies
-- ARGV: for each job: id, token, body
-- Returns: {how many jobs were gone through, the indexes (from 0) of the attempts that are no longer current}; nothing was
--          changed for these
-- Cost: O(jobs), within the budget

local out = {}
local done = each_slice(1, 3, function(from, to)
  local ids, at = current_of(K, 1, from, to, 3, out)
  local fields = {}
  for i, id in ipairs(ids) do fields[2 * i - 1], fields[2 * i] = id, ARGV[at[i] + 2] end
  if #fields > 0 then
    redis.call('HSET', K.bodies, unpack(fields))
    spend_bytes(fields, WRITTEN)
  end
end)
table.insert(out, 1, done)
return out
