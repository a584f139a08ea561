-- Lanes: the lines of jobs that have limits, and who waits for what.
--
-- A *bucket* is a limit, or one key of it (LIMIT|KEY). The buckets of a job, one a line, are kept in `lanes`. A *lane* is
-- the line of the jobs that share all their buckets and their priority, oldest first; its name is PRIORITY|BUCKETS. A lane
-- that is not empty is in exactly one place: in `turns`, if its head may be able to go now, or in the line of the one
-- bucket that holds it up. A bucket is in `holds`, scored by when it is looked at again, if and only if its line is not
-- empty: so no lane is without a wake-up.
-- A limit's first letter is its kind: r, R rate; c, C concurrency (of the type, of the queue);
-- p none, for jobs that have no limit of their type: a pause of the type holds the buckets of all three.
-- INCLUDE: _due
-- KEYS: lanes limited priorities due

local function lane_of(buckets, priority) return string.format('%.0f|%s', priority, buckets) end

local split = {}

-- The buckets of a lane, or of a job (as `lanes` has them).
local function buckets_of(lane)
  local out = split[lane]
  if out then return out end
  out = {}
  for bucket in string.gmatch(string.match(lane, '^-?%d+|(.*)$') or lane, '[^\n]+') do out[#out + 1] = bucket end
  split[lane] = out
  return out
end

local function limit_of(bucket) return string.match(bucket, '^[^|]*') end

-- True if it counts the jobs that run.
local function is_concurrency(bucket) return string.find(bucket, '^[cC]') ~= nil end

-- How many jobs wait for each limit, and for each key of it ('|KEY', since an empty text is a key too; '' is no key).
local function count_parked(k, lane, by)
  for _, bucket in ipairs(buckets_of(lane)) do
    local limit = limit_of(bucket)
    if redis.call('HINCRBY', sub(k, 'parked'), limit, by) <= 0 then redis.call('HDEL', sub(k, 'parked'), limit) end
    local backlog, key = sub(k, 'backlog:' .. limit), string.sub(bucket, #limit + 1)
    if tonumber(redis.call('ZINCRBY', backlog, by, key)) <= 0 then redis.call('ZREM', backlog, key) end
  end
end

-- A lane that was empty has a job: it waits behind the others where one of its buckets has a line, else it has its turn.
local function place(k, lane, score)
  for _, bucket in ipairs(buckets_of(lane)) do
    if redis.call('ZSCORE', sub(k, 'holds'), bucket) then
      redis.call('ZADD', sub(k, 'line:' .. bucket), score, lane)
      return
    end
  end
  redis.call('ZADD', sub(k, 'turns'), score, lane)
  wake(k)
end

-- Who waits for a bucket is looked at now. Returns false if nobody does. A worker must be woken, or be at it already.
local function look_now(k, queue, bucket, now)
  local holds = sub(k, 'holds')
  if not redis.call('ZSCORE', holds, bucket) then return false end
  redis.call('ZADD', holds, 'LT', now, bucket)
  redis.call('ZADD', k.due, 'LT', now, queue)
  return true
end

-- The lane that was to use the room of its buckets (but for one) does not: who else waits for them is looked at now.
local function pass_on(k, queue, lane, but, now)
  local somebody = false
  for _, bucket in ipairs(buckets_of(lane)) do
    if bucket ~= but and look_now(k, queue, bucket, now) then somebody = true end
  end
  return somebody
end

-- Puts a job into the lane of its buckets and priority, at its place by sequence; a negative one is before all that came
-- there in their turn.
local function park(k, id, buckets, priority, sequence)
  local lane = lane_of(buckets, priority)
  local key = sub(k, 'lane:' .. lane)
  local empty = redis.call('EXISTS', key) == 0
  redis.call('ZADD', key, sequence, id)
  redis.call('ZADD', k.limited, time_ms(), id)
  count_parked(k, lane, 1)
  if empty then place(k, lane, priority * PRIORITY_STEP + math.max(0, sequence)) end
end

-- Takes a bucket out of `holds` if nobody waits for it any more.
local function settle_hold(k, queue, bucket)
  if redis.call('EXISTS', sub(k, 'line:' .. bucket)) == 0 then
    redis.call('ZREM', sub(k, 'holds'), bucket)
    refresh_due(k, queue)
  end
end

-- A lane has become empty without its last job having been started.
local function leave(k, queue, lane)
  if redis.call('ZREM', sub(k, 'turns'), lane) == 1 then
    if pass_on(k, queue, lane, nil, time_ms()) then wake(k) end
    return
  end
  for _, bucket in ipairs(buckets_of(lane)) do
    if redis.call('ZREM', sub(k, 'line:' .. bucket), lane) == 1 then return settle_hold(k, queue, bucket) end
  end
end

-- Takes a job out of its lane. Returns its place there (its sequence), or nil if it is not in one.
local function unpark(k, queue, id)
  if redis.call('ZREM', k.limited, id) == 0 then return nil end
  local lane = lane_of(redis.call('HGET', k.lanes, id), tonumber(redis.call('HGET', k.priorities, id) or '0'))
  local key = sub(k, 'lane:' .. lane)
  local sequence = redis.call('ZSCORE', key, id)
  redis.call('ZREM', key, id)
  count_parked(k, lane, -1)
  if redis.call('EXISTS', key) == 0 then leave(k, queue, lane) end
  return tonumber(sequence)
end

-- Jobs of a queue that has lanes have left `running`: their slots are free, and who waits for one is looked at. O(#ids).
local function free_slots(k, queue, ids)
  local slots, now, somebody = sub(k, 'slots'), time_ms(), false
  for _, lane in ipairs(redis.call('HMGET', k.lanes, unpack(ids))) do
    for _, bucket in ipairs(buckets_of(lane or '')) do
      if is_concurrency(bucket) then
        if redis.call('HINCRBY', slots, bucket, -1) <= 0 then redis.call('HDEL', slots, bucket) end
        if look_now(k, queue, bucket, now) then somebody = true end
      end
    end
  end
  if somebody then wake(k) end
end
