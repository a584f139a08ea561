-- Frees the unique keys that jobs hold, whatever state they are in.
-- INCLUDE: _unique
-- ARGV: ids
-- Returns: for each job 1 if it held its key, 0 if it held none
-- Cost: O(ids)

local done = {}
for i, id in ipairs(ARGV) do done[i] = free_keys(K, { id }, 'released') end
return done
