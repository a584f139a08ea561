-- Moves limited jobs to other lanes, because the limits of their type have changed: to their place there by sequence, the
-- older first. A job without a lane now goes to the head of the list (or to its place among those that have a priority); a
-- caller that names the oldest last keeps their order, also over several calls. A job that is no longer in the lane that
-- the caller names is left alone.
-- INCLUDE: _budget _lanes _due
-- KEYS: ready ordered priorities lanes limited
-- ARGV: queue, then for each job: id, the lane that it is in, its new lane ('' for none)
-- Returns: {how many jobs were gone through, for each of them 1 if it has its new lane}
-- Cost: O(jobs), within the budget

local queue = ARGV[1]

local function to_line(id, priority, sequence)
  redis.call('HDEL', K.lanes, id)
  if priority == 0 then
    redis.call('LPUSH', K.ready, id)
  else
    redis.call('ZADD', K.ordered, priority * PRIORITY_STEP + math.max(0, sequence), id)
  end
  wake(K)
end

local function move(id, from, to)
  local since = redis.call('ZSCORE', K.limited, id)
  if not since or redis.call('HGET', K.lanes, id) ~= from then return 0 end
  local priority = tonumber(redis.call('HGET', K.priorities, id) or '0')
  local sequence = unpark(K, queue, id)
  if to == '' then
    to_line(id, priority, sequence)
  else
    redis.call('HSET', K.lanes, id, to)
    park(K, id, to, priority, sequence)
    redis.call('ZADD', K.limited, since, id)
  end
  return 1
end

local out = { 0 }
out[1] = each_slice(2, 3, function(from, to)
  for at = from, to, 3 do out[#out + 1] = move(ARGV[at], ARGV[at + 1], ARGV[at + 2]) end
end)
refresh_due(K, queue)
return out
