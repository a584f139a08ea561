-- Only for the step to layout 2: parks jobs in its lanes, which are by priority; in those of layout 1 priorities stood in
-- the jobs' scores. The jobs to be parked are in a set beside `limited` meanwhile.
-- ANY-LAYOUT
-- INCLUDE: _due _lanes
-- KEYS: lanes limited priorities
-- ARGV: what the layout's key holds, queue, most
-- Returns: how many were parked, -1 if the layout's key holds something else
-- Cost: O(most)

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local waiting = K.limited .. ':2'
local ids = redis.call('ZRANGE', waiting, 0, tonumber(ARGV[3]) - 1)
for _, id in ipairs(ids) do
  local buckets = redis.call('HGET', K.lanes, id)
  local lane = sub(K, 'lane:' .. buckets)
  local score = tonumber(redis.call('ZSCORE', lane, id) or '0')
  redis.call('ZREM', lane, id)
  redis.call('ZREM', waiting, id)
  park(K, id, buckets, tonumber(redis.call('HGET', K.priorities, id) or '0'), score % PRIORITY_STEP)
end
refresh_due(K, ARGV[2])
return #ids
