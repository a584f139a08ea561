-- Adds jobs that are there already to indexes of payload values. One that is gone is left out.
-- INCLUDE: _budget _index
-- KEYS: bodies archive
-- ARGV: for each job and index: id, the index's name, the digest of its value
-- Returns: {how many entries were gone through}
-- Cost: O(entries), within the budget

return { each_slice(1, 3, function(from, to)
  local values = {}
  for at = from, to, 3 do
    local id = ARGV[at]
    local there = redis.call('HEXISTS', K.bodies, id) == 1 or redis.call('HEXISTS', K.archive, id) == 1
    if there then gather_values(values, id, { { ARGV[at + 1], ARGV[at + 2] } }) end
  end
  write_values(K, values)
end) }
