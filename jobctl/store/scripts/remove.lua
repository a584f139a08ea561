-- Deletes ended jobs that `keep` keeps (completed or cancelled) for good; a live or dead one is left alone.
-- INCLUDE: _ended _forget
-- ARGV: ids
-- Returns: how many were deleted
-- Cost: O(ids)

local now = time_ms()
local rows, ends = ends_of(K, ARGV)
local deleted = 0
for _, row in ipairs(ENDED) do
  local ids, scores = {}, {}
  for i, id in ipairs(ARGV) do
    if row.kept and rows[i] == row then ids[#ids + 1], scores[#scores + 1] = id, ends[i] end
  end
  forget(K, row, ids, scores, now)
  deleted = deleted + #ids
end
return deleted
