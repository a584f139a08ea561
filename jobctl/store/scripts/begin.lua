-- Writes since when attempts run, and counts their starts. What a worker has fetched ahead has no such time yet: 0.
-- INCLUDE: _budget _token _stats
-- KEYS: running
-- ARGV: for each job: id, token, for how long it has run (ms), mark (see _stats)
-- Returns: {how many jobs were gone through, the indexes (from 0) of the attempts that are no longer current}; nothing was
--          changed for these
-- Cost: O(jobs), within the budget

local now, out = time_ms(), {}
local done = each_slice(1, 4, function(from, to)
  local ids, at, begun = current_of(K, 1, from, to, 4, out)
  if #ids == 0 then return end
  local fields = {}
  for i, reservation in ipairs(redis.call('HMGET', K.running, unpack(ids))) do
    local began = string.format('%.0f', now - tonumber(ARGV[at[i] + 2]))
    if not begun[ids[i]] then note_event('s', ARGV[at[i] + 3]) end
    fields[2 * i - 1], fields[2 * i] = ids[i], string.match(reservation, '^(.*|)[^|]*$') .. began
  end
  redis.call('HSET', K.running, unpack(fields))
end)
count_noted(K, now)
table.insert(out, 1, done)
return out
