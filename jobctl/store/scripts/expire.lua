-- Deletes what has lain in the trash past its time, and trims the jobs that `keep` keeps, of a quiet queue.
-- INCLUDE: _ended _forget
-- ARGV: limit, keep_ms, keep_count
-- Returns: how many trashed jobs were deleted
-- Cost: O(limit)

local now, limit = time_ms(), tonumber(ARGV[1])
local deleted = 0
for _, row in ipairs(ENDED) do
  if row.expires then
    local past = redis.call('ZRANGEBYSCORE', K[row.key], '-inf', now, 'WITHSCORES', 'LIMIT', 0, limit)
    deleted = deleted + forget_rows(K, row, past, now)
  elseif row.kept then
    trim(K, row, now, tonumber(ARGV[2]), tonumber(ARGV[3]), limit)
  end
end
return deleted
