-- Begins the build of an index of payload values, or ends it; or says that the index misses a job from now on.
-- INCLUDE: _index
-- KEYS: index
-- ARGV: the index's name, 'begin' | 'end' | 'lose'
-- Returns: 1; 0 if a build has ended in vain: a job of the type was lost to the index meanwhile
-- Cost: O(1)

local key = K.index .. ':' .. ARGV[1]
if ARGV[2] == 'lose' then return redis.call('ZREM', key, COMPLETE, BUILDING) end
if ARGV[2] == 'begin' then
  redis.call('SADD', K.index, ARGV[1])
  redis.call('ZREM', key, COMPLETE)
  redis.call('ZADD', key, -1, BUILDING)
  return 1
end
if redis.call('ZREM', key, BUILDING) == 0 then return redis.call('ZSCORE', key, COMPLETE) and 1 or 0 end
redis.call('ZADD', key, -1, COMPLETE)
return 1
