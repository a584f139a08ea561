-- Deletes what has lain in the trash past its time, and trims the jobs that `keep` keeps.
-- INCLUDE: _ended _forget
-- ARGV: limit, keep_ms, keep_count
-- Returns: {how many trashed jobs were deleted, how many others, 1 if there is more to do}
-- Cost: O(limit), within the budget

local now, limit, keep_ms = time_ms(), tonumber(ARGV[1]), tonumber(ARGV[2])
local trashed, others, more = 0, 0, false
for _, row in ipairs(ENDED) do
  local gone, left = 0, false
  if row.expires then
    gone, left = forget_first(K, row, now, math.huge, limit, now, keep_ms)
    trashed = trashed + gone
  elseif row.kept then
    gone, left = forget_first(K, row, now - keep_ms, tonumber(ARGV[3]), limit, now, keep_ms)
    others = others + gone
  end
  more = more or left
end
more = forget_known(K, limit, now) or more
return { trashed, others, more and 1 or 0 }
