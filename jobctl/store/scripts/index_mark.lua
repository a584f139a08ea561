-- Begins the build of an index of payload values, or ends it; or says that the index misses a job from now on.
-- INCLUDE: _index _counted
-- KEYS: index
-- ARGV: the index's name, 'begin' | 'end' | 'lose', a number below -1 that names the build
-- Returns: 1; 0 if a build has ended in vain: a job of the type was lost to the index meanwhile, or another
--          build has begun
-- Cost: O(1)

local key = K.index .. ':' .. ARGV[1]
if ARGV[2] == 'lose' then return redis.call('ZREM', key, COMPLETE, BUILDING) end
if ARGV[2] == 'begin' then
  redis.call('SADD', K.index, ARGV[1])
  redis.call('UNLINK', key, K.index .. COUNTS .. ARGV[1]) -- both begin anew, so that they agree
  redis.call('ZADD', key, ARGV[3], BUILDING)
  return 1
end
if tonumber(redis.call('ZSCORE', key, BUILDING) or '0') ~= tonumber(ARGV[3]) then return 0 end
redis.call('ZREM', key, BUILDING)
redis.call('ZADD', key, -1, COMPLETE)
return 1
