-- Takes back a retry: jobs that have not run since are dead again, in their groups and with the time of their death.
-- INCLUDE: _budget _live _take_out _archive _groups _due _unique _events
-- KEYS: records expiring
-- ARGV: queue, then for each job: id, group, group info (JSON), died_at ms, its record as it was read
-- Returns: {how many jobs were gone through, for each of them 1 if it is dead again, 0 if it runs, has run, or is not live}
-- Cost: O(jobs), within the budget

local queue = ARGV[1]
local out, dead = { 0 }, {}

-- Whether a job does not run and its record is the one of its death; then it is taken out of its place.
local function is_back(id, record)
  if redis.call('HGET', K.records, id) ~= record or place_of(K, id).state == 'running' then return false end
  return take_out(K, queue, id) ~= nil
end

out[1] = each_slice(2, 5, function(from, to)
  local ids = {}
  for at = from, to, 5 do
    local back = is_back(ARGV[at], ARGV[at + 4])
    out[#out + 1] = back and 1 or 0
    if back then
      ids[#ids + 1], dead[#dead + 1] = ARGV[at], ARGV[at]
      bury_in_group(K, ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3])
    end
  end
  if #ids > 0 then
    archive(K, ids)
    free_keys(K, ids, 'dead')
    redis.call('ZREM', K.expiring, unpack(ids))
  end
end)
refresh_due(K, queue)
announce(K, queue, dead)
return out
