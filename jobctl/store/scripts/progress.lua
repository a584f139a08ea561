-- Writes how far attempts are, as long as they hold their jobs.
-- INCLUDE: _budget _token
-- KEYS: progress
-- ARGV: for each job: id, token, progress (JSON)
-- Returns: {how many jobs were gone through, the indexes (from 0) of the attempts that are no longer current}; nothing was
--          changed for these
-- Cost: O(jobs), within the budget

local out = {}
local done = each_slice(1, 3, function(from, to)
  local ids, at = current_of(K, 1, from, to, 3, out)
  if #ids == 0 then return end
  local fields = {}
  for i, id in ipairs(ids) do fields[2 * i - 1], fields[2 * i] = id, ARGV[at[i] + 2] end
  redis.call('HSET', K.progress, unpack(fields))
end)
table.insert(out, 1, done)
return out
