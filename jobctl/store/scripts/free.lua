-- Frees the unique keys that jobs hold, whatever state they are in.
-- INCLUDE: _budget _unique
-- ARGV: ids
-- Returns: {how many ids were gone through, for each of them 1 if it held its key, 0 if it held none}
-- Cost: O(ids), within the budget

local out = { 0 }
out[1] = each_slice(1, 1, function(from, to)
  for at = from, to do out[#out + 1] = free_keys(K, { ARGV[at] }, 'released') end
end)
return out
