-- Makes delayed or retrying jobs waiting now.
-- INCLUDE: _live _ready _due
-- ARGV: queue, then ids
-- Returns: how many were promoted
-- Cost: O(ids)

local ids = {}
for i = 2, #ARGV do
  for _, row in ipairs(TIMED) do
    if redis.call('ZREM', K[row.key], ARGV[i]) == 1 then ids[#ids + 1] = ARGV[i] end
  end
end
push_ready(K, ids, false)
refresh_due(K, ARGV[1])
return #ids
