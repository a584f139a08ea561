-- Deletes ended jobs that `keep` keeps (completed or cancelled) for good; a live or dead one is left alone.
-- INCLUDE: _budget _ended _attempts _forget
-- ARGV: ids
-- Returns: {how many ids were gone through, for each of them 1 if it was deleted, 0 if not}
-- Cost: O(ids), within the budget

local now = time_ms()
local out = { 0 }
out[1] = each_slice(1, 1, function(from, to)
  local taken = fitting_to_drop(K, { unpack(ARGV, from, to) })
  local ids, seen = { unpack(ARGV, from, from + taken - 1) }, {}
  local rows, ends = ends_of(K, ids)
  for _, row in ipairs(ENDED) do
    local gone, scores = {}, {}
    for i, id in ipairs(ids) do
      if row.kept and rows[i] == row and not seen[id] then
        gone[#gone + 1], scores[#scores + 1], seen[id] = id, ends[i], i
      end
    end
    forget(K, row, gone, scores, now, 0)
  end
  for i, id in ipairs(ids) do out[#out + 1] = seen[id] == i and 1 or 0 end
  return taken
end)
return out
