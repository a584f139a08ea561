-- Deletes what has lain in the trash past its time, and trims cancelled and completed jobs of a quiet queue.
-- KEYS: trash emptied emptied_due archive records crashes priorities completed cancelled remembered lanes uniques logs
-- ARGV: limit, keep_ms, keep_count
-- Returns: how many trashed jobs were deleted
-- Cost: O(limit)

local now, limit = time_ms(), tonumber(ARGV[1])
local deleted = 0
for _, zset in ipairs({ K.trash, K.emptied }) do
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', zset, '-inf', now, 'LIMIT', 0, limit)) do
    forget(K, zset, id, 0, now)
    drop_logs(K, { id })
    redis.call('HDEL', K.emptied_due, id)
    deleted = deleted + 1
  end
end
trim(K, K.completed, now, tonumber(ARGV[2]), tonumber(ARGV[3]), limit)
trim(K, K.cancelled, now, tonumber(ARGV[2]), tonumber(ARGV[3]), limit)
return deleted
