-- Makes delayed or retrying jobs waiting now.
-- INCLUDE: _budget _live _ready _due
-- ARGV: queue, then ids
-- Returns: {how many ids were gone through, for each of them 1 if it was promoted, 0 if not}
-- Cost: O(ids), within the budget

local out = { 0 }
out[1] = each_slice(2, 1, function(from, to)
  local ids = {}
  for at = from, to do
    local id, moved = ARGV[at], 0
    for _, row in ipairs(TIMED) do moved = moved + redis.call('ZREM', K[row.key], id) end
    if moved > 0 then ids[#ids + 1] = id end
    out[#out + 1] = moved
  end
  push_ready(K, ids, false)
end)
refresh_due(K, ARGV[1])
return out
