-- Whose turn it is: lanes get their turn where a bucket has room again, and jobs are taken from those that have it.
-- INCLUDE: _lanes _limits _due _work _bodies
-- KEYS: limited due token

local LANES = 100 -- that are looked at together
local OF_LANE, OF_BUCKET = 10, 6 -- what one costs beside its commands: names are put together, numbers become text

-- The range of scores of a priority.
local function range_of(priority)
  local first = priority * PRIORITY_STEP - BEFORE
  return string.format('%.0f', first), string.format('(%.0f', first + PRIORITY_STEP)
end

-- The first priority, or (last) the last one, that a sorted set has; nil if it is empty.
local function priority_in(zset, last)
  return priority_at(redis.call(last and 'ZREVRANGE' or 'ZRANGE', zset, 0, 0, 'WITHSCORES')[2])
end

-- Members of a sorted set in their order: at most n, or (last) the first one of its last priority. Flat, with scores.
local function first_of(zset, n, last)
  if not last then return redis.call('ZRANGE', zset, 0, n - 1, 'WITHSCORES') end
  local priority = priority_in(zset, true)
  if not priority then return {} end
  local from, to = range_of(priority)
  return redis.call('ZRANGEBYSCORE', zset, from, to, 'WITHSCORES', 'LIMIT', 0, 1)
end

-- Lanes leave a bucket's line for their turn.
local function give_turns(k, bucket, lanes)
  local line, moved = sub(k, 'line:' .. bucket), {}
  for i = 1, #lanes, 2 do
    redis.call('ZREM', line, lanes[i])
    moved[i], moved[i + 1] = lanes[i + 1], lanes[i]
  end
  if #moved > 0 then redis.call('ZADD', sub(k, 'turns'), unpack(moved)) end
end

-- Gives one lane of each bucket that has room again its turn, if it is of a lower priority than all that have theirs.
local function refill_last(k, queue, now)
  local last = priority_in(sub(k, 'turns'), true)
  for _, bucket in ipairs(redis.call('ZRANGEBYSCORE', sub(k, 'holds'), '-inf', now, 'LIMIT', 0, LANES)) do
    if not may_try_lanes() then break end
    local line = sub(k, 'line:' .. bucket)
    local priority = priority_in(line, true)
    if priority and (not last or priority > last) and room_of(k, bucket, now) > 0 then
      last = priority
      give_turns(k, bucket, first_of(line, 1, true))
      if redis.call('EXISTS', line) == 0 then redis.call('ZREM', sub(k, 'holds'), bucket) end
    end
  end
  refresh_due(k, queue)
end

-- Gives `want` more lanes their turn whose bucket has room again, if there are so many, those of the first priority. One of
-- the bucket's last priority (`mixed`: there may be several) has its turn with them if its hold is not looked at for a
-- while then: it has the room, too. Lanes that have a turn already do not count: they may never need to wait, and the
-- others must not wait for them. O(what may be spent).
local function refill(k, queue, want, mixed, now)
  local holds = sub(k, 'holds')
  local given, passed = 0, 0
  while given < want and may_try_lanes() do
    local bucket = redis.call('ZRANGEBYSCORE', holds, '-inf', now, 'LIMIT', passed, 1)[1]
    if not bucket then break end
    local room, later = room_of(k, bucket, now)
    if room < 1 then
      redis.call('ZADD', holds, later, bucket)
    else
      local lanes = first_of(sub(k, 'line:' .. bucket), can_do(math.min(room, want - given), 4))
      give_turns(k, bucket, lanes)
      given = given + #lanes / 2
      if mixed and #lanes / 2 >= room then give_turns(k, bucket, first_of(sub(k, 'line:' .. bucket), 1, true)) end
      if redis.call('EXISTS', sub(k, 'line:' .. bucket)) == 0 then
        redis.call('ZREM', holds, bucket)
      elseif #lanes / 2 >= room then
        redis.call('ZADD', holds, math.max(later, now + 1), bucket)
      else
        passed = passed + 1 -- it has more room and more lanes: its hold stays due
      end
    end
  end
  refresh_due(k, queue)
end

-- A bucket does not admit the head of a lane that has its turn: the lane waits in that one's line.
local function hold_up(k, queue, lane, score, bucket, later, now)
  in_vain = in_vain - 1
  redis.call('ZREM', sub(k, 'turns'), lane)
  redis.call('ZADD', sub(k, 'line:' .. bucket), score, lane)
  redis.call('ZADD', sub(k, 'holds'), 'LT', later, bucket)
  redis.call('ZADD', k.due, 'LT', later, queue)
  pass_on(k, queue, lane, bucket, now) -- who fetches looks at these next: nobody needs to be woken
end

-- How many jobs of a lane all its buckets admit; of a rate, its state besides. 0 if one does not: then the lane waits for
-- that one. O(buckets), of which there are at most six.
local function room_of_lane(k, queue, lane, score, now)
  local least, states = NO_LIMIT, {}
  spent = spent + OF_LANE + OF_BUCKET * #buckets_of(lane)
  for i, bucket in ipairs(buckets_of(lane)) do
    local room, later, state = room_of(k, bucket, now)
    if room < 1 then
      hold_up(k, queue, lane, score, bucket, later, now)
      return 0
    end
    least, states[i] = math.min(least, room), state or false
  end
  return least, states
end

-- Takes the heads of a lane that has its turn, counted against all its buckets: n of them, or one where they have room for
-- fewer than `needed`, which others need, too. Returns their ids and bodies. Nothing is taken or counted if a bucket does
-- not admit one.
local function take_heads(k, queue, lane, score, n, needed, now)
  local room, states = room_of_lane(k, queue, lane, score, now)
  if room < 1 then return {}, {} end
  local key = sub(k, 'lane:' .. lane)
  local ids, bodies = carry(k, redis.call('ZRANGE', key, 0, math.min(room, room >= needed and n or 1) - 1))
  if #ids == 0 then return ids, bodies end
  redis.call('ZREM', key, unpack(ids))
  redis.call('ZREM', k.limited, unpack(ids))
  count_parked(k, lane, -#ids)
  for i, bucket in ipairs(buckets_of(lane)) do charge(k, bucket, #ids, now, states[i]) end
  if redis.call('EXISTS', key) == 1 then -- behind the others of its priority: keys are served in turn
    redis.call('ZADD', sub(k, 'turns'), priority_at(score) * PRIORITY_STEP + redis.call('INCR', k.token), lane)
  else
    redis.call('ZREM', sub(k, 'turns'), lane)
  end
  return ids, bodies
end

-- Takes at most n jobs from the lanes of a priority that have their turn, from each as many as from the others.
local function take_from_lanes(k, queue, priority, n, now)
  local ids, bodies = {}, {}
  local from, to = range_of(priority)
  while #ids < n and may_try_lanes() do
    local left = n - #ids
    local most = math.min(left, LANES)
    local lanes = redis.call('ZRANGEBYSCORE', sub(k, 'turns'), from, to, 'WITHSCORES', 'LIMIT', 0, most)
    local count = #lanes / 2
    if count == 0 then break end
    local share = count < most and math.ceil(left / count) or 1
    for i = 1, #lanes, 2 do
      left = n - #ids
      if left == 0 or not may_try_lanes() then break end
      local needed = count == 1 and 1 or left
      local some, theirs = take_heads(k, queue, lanes[i], lanes[i + 1], math.min(share, left), needed, now)
      append(ids, some)
      append(bodies, theirs)
    end
  end
  return ids, bodies
end
