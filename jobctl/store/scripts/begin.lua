-- Writes since when attempts run. What a worker has fetched ahead has no such time yet: 0.
-- INCLUDE: _budget _token
-- KEYS: running
-- ARGV: for each job: id, token, for how long it has run (ms)
-- Returns: {how many jobs were gone through, the indexes (from 0) of the attempts that are no longer current}; nothing was
--          changed for these
-- Cost: O(jobs), within the budget

local now, out = time_ms(), {}
local done = each_slice(1, 3, function(from, to)
  local ids, at = current_of(K, 1, from, to, 3, out)
  if #ids == 0 then return end
  local fields = {}
  for i, reservation in ipairs(redis.call('HMGET', K.running, unpack(ids))) do
    local began = string.format('%.0f', now - tonumber(ARGV[at[i] + 2]))
    fields[2 * i - 1], fields[2 * i] = ids[i], string.match(reservation, '^(.*|)[^|]*$') .. began
  end
  redis.call('HSET', K.running, unpack(fields))
end)
table.insert(out, 1, done)
return out
