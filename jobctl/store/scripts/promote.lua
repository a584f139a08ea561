-- Makes delayed or retrying jobs waiting now.
-- INCLUDE: _lanes _ready
-- KEYS: ready ordered priorities wake delayed retrying due token limits lanes limited
-- ARGV: queue, then ids
-- Returns: how many were promoted
-- Cost: O(ids)

local ids = {}
for i = 2, #ARGV do
  local id = ARGV[i]
  if redis.call('ZREM', K.delayed, id) == 1 or redis.call('ZREM', K.retrying, id) == 1 then ids[#ids + 1] = id end
end
push_ready(K, ids, false)
refresh_due(K, ARGV[1])
return #ids
