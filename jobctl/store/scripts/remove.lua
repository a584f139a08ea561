-- Deletes ended jobs (completed or cancelled) for good; a live or dead one is left alone.
-- KEYS: archive records crashes priorities completed cancelled remembered lanes uniques logs
-- ARGV: ids
-- Returns: how many were deleted
-- Cost: O(ids)

local now = time_ms()
local deleted = 0
for _, id in ipairs(ARGV) do
  for _, zset in ipairs({ K.completed, K.cancelled }) do
    local score = redis.call('ZSCORE', zset, id)
    if score then
      forget(K, zset, id, score, now)
      drop_logs(K, { id })
      deleted = deleted + 1
    end
  end
end
return deleted
