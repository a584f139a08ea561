-- Only for the step to layout 2: parks jobs in its lanes, which are by priority; in those of layout 1 priorities stood in
-- the jobs' scores. The jobs to be parked are in a set beside `limited` meanwhile.
-- ANY-LAYOUT
-- INCLUDE: _budget _due _lanes
-- KEYS: lanes limited priorities
-- ARGV: what the layout's key holds, queue, most
-- Returns: how many were parked, -1 if the layout's key holds something else
-- Cost: O(most), within the budget

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local waiting = K.limited .. ':2'
local most, parked = tonumber(ARGV[3]), 0

local function move(id)
  local buckets = redis.call('HGET', K.lanes, id)
  local lane = sub(K, 'lane:' .. buckets)
  local score = tonumber(redis.call('ZSCORE', lane, id) or '0')
  redis.call('ZREM', lane, id)
  redis.call('ZREM', waiting, id)
  park(K, id, buckets, tonumber(redis.call('HGET', K.priorities, id) or '0'), score % PRIORITY_STEP)
end

local n = affordable(0, most)
while n > 0 do
  local ids = redis.call('ZRANGE', waiting, 0, n - 1)
  for _, id in ipairs(ids) do move(id) end
  parked = parked + #ids
  n = #ids == n and affordable(parked, most - parked) or 0
end
refresh_due(K, ARGV[2])
return parked
