-- Begins to take in the jobs in the list of waiting jobs up to an entry, or says that it is done. It does not count if that
-- entry went to the end of the list again meanwhile, or somebody else has begun.
-- INCLUDE: _index
-- KEYS: index
-- ARGV: the id of the entry, 'begin' | 'end'
-- Returns: 1 if it counts
-- Cost: O(1)

local goal = K.index .. GOAL
if ARGV[2] == 'begin' then
  redis.call('SET', goal, ARGV[1])
  return 1
end
if redis.call('GET', goal) ~= ARGV[1] then return 0 end
redis.call('DEL', goal)
redis.call('SET', K.index .. TAKEN, ARGV[1])
return 1
