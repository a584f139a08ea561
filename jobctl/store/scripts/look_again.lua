-- A limit has changed, or a pause is over: the buckets of some limits are looked at now. In batches, with a cursor.
-- INCLUDE: _due
-- KEYS: limits
-- ARGV: queue, cursor ('0' to begin), then the limits
-- Returns: the next cursor, '0' when all were seen
-- Cost: O(500)

local wanted = {}
for i = 3, #ARGV do wanted[ARGV[i]] = true end
local holds, now = K.limits .. ':holds', time_ms()
redis.call('ZREM', holds, '') -- at maxmemory the first write must not need memory
local reply = redis.call('ZSCAN', holds, ARGV[2], 'COUNT', 500)
for i = 1, #reply[2], 2 do
  local bucket = reply[2][i]
  if wanted[string.match(bucket, '^[^|]*')] then redis.call('ZADD', holds, 'XX', 'LT', now, bucket) end
end
refresh_due(K, ARGV[1])
wake(K)
return reply[1]
