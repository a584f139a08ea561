-- Adds jobs that are there already to indexes of payload values: what stock producers wrote, and what was there before an
-- index. One that is gone is left out. One that comes without an entry of an index of its type is left for who knows it.
-- INCLUDE: _budget _index _counted
-- KEYS: bodies archive
-- ARGV: for each job: id, its type, its entries as JSON (see _index)
-- Returns: {how many jobs were gone through}
-- Cost: O(jobs × indexes), within the budget

return { each_slice(1, 3, function(from, to)
  local names, values, ids, left = index_names(K), {}, {}, {}
  if #names == 0 then return end
  for at = from, to, 3 do
    local id, job_type, entries = ARGV[at], ARGV[at + 1], ARGV[at + 2]
    local there = redis.call('HEXISTS', K.bodies, id) == 1 or redis.call('HEXISTS', K.archive, id) == 1
    if there then
      if take_values(K, values, left, id, job_type, entries) then ids[#ids + 1] = id end
    else
      ids[#ids + 1] = id
    end
  end
  write_counted(K, values)
  taken_in(K, ids)
  leave_out(K, left)
end) }
