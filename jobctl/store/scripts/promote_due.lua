-- Makes due jobs of a queue waiting; for queues that no worker serves.
-- INCLUDE: _budget _ready
-- ARGV: queue, limit
-- Returns: how many were promoted; 0 if no more are due
-- Cost: O(limit), within the budget

local now, limit = time_ms(), tonumber(ARGV[2])
local moved = 0
while true do
  local want = affordable(moved, limit - moved)
  local some = want > 0 and promote_due(K, ARGV[1], now, want) or 0
  moved = moved + some
  if some == 0 then return moved end
end
