-- Makes due jobs of a queue waiting; for queues that no worker serves.
-- INCLUDE: _ready
-- ARGV: queue, limit
-- Returns: how many were promoted
-- Cost: O(limit)

return promote_due(K, ARGV[1], time_ms(), tonumber(ARGV[2]))
