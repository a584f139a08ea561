-- What limits allow, and which lane's turn it is. What a lane, a bucket and a hold are: _lanes.
-- INCLUDE: _lanes _due
-- KEYS: limits lanes limited paused token due

local SLACK_MS = 50 -- a start this late does not slow a smooth limit down: it catches up, by no more than this
local EXACT_MS = 0.01 -- what rounding may cost: a moment this near is now
local LOOK_AGAIN_MS = 30000 -- a bucket that something else wakes is looked at this often anyhow
local NO_LIMIT = 1e9

local function time_exact()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + tonumber(t[2]) / 1000
end

local specs = {}

-- What a limit allows: {count, period, burst, window, till}, or false where nothing defines it. One that was set by hand
-- goes before the catalog's until its time, `till`, is over.
local function spec_of(k, limit, now)
  local cached = specs[k.limits .. limit]
  if cached ~= nil then return cached end
  local found = redis.call('HMGET', k.limits, limit, limit .. '|set')
  local text, ends = found[1], nil
  if found[2] then
    local till, _, by_hand = string.match(found[2], '^(%d+)|([^|]*)|(.*)$')
    if till == '0' then text = by_hand elseif tonumber(till) > now then text, ends = by_hand, tonumber(till) end
  end
  local spec = false
  if text then
    local count, period, burst, window = string.match(text, '^(%S+) ?(%S*) ?(%S*) ?(%S*)$')
    spec = { count = tonumber(count), period = tonumber(period), burst = tonumber(burst), window = window, till = ends }
  end
  specs[k.limits .. limit] = spec
  return spec
end

-- When a pause of a name ends (0: when it is resumed); nil if it is not paused.
local function paused_until(k, name, now)
  local pause = redis.call('HGET', k.paused, name)
  if not pause then return nil end
  local till = tonumber(string.match(pause, '^%d+') or '0')
  if till ~= 0 and till <= now then return nil end
  return till
end

-- Each kind of window keeps its own keys: a limit may change from one to another while it is in use.
local function rate_key(k, spec, bucket) return sub(k, spec.window .. ':' .. bucket) end

local function write_smooth(key, tat, interval, now)
  local keep = math.max(1, math.ceil(tat - now + SLACK_MS))
  redis.call('SET', key, string.format('%.3f:%.17g', tat, interval), 'PX', keep)
end

-- The smooth limit is the generic cell rate algorithm (ITU-T I.371): one number, the theoretical arrival time; kept with
-- the interval that it was counted by. When the rate has changed, what is used stays the same number of starts.
local function arrival_time(key, interval, now)
  local tat, counted = string.match(redis.call('GET', key) or '', '^(.+):(.+)$')
  tat, counted = tonumber(tat or now), tonumber(counted or interval)
  if counted ~= interval and tat > now then
    tat = now + (tat - now) * interval / counted
    write_smooth(key, tat, interval, now)
  end
  return tat
end

local function smooth_room(key, spec, now)
  local interval = spec.period / spec.count
  local first = arrival_time(key, interval, now) - (spec.burst - 1) * interval
  if first > now + EXACT_MS then return 0, first end
  local n = math.floor((now + EXACT_MS - first) / interval) + 1
  return n, first + n * interval
end

-- The number of the present period of a fixed window, and how many have started in it.
local function used_in(key, spec, now)
  local index = math.floor(now / spec.period)
  local of, used = string.match(redis.call('GET', key) or '', '^(%d+):(%d+)$')
  return index, tonumber(of) == index and tonumber(used) or 0
end

local function fixed_room(key, spec, now)
  local index, used = used_in(key, spec, now)
  return math.max(0, spec.count - used), (index + 1) * spec.period
end

-- A list of the times of the starts in the latest period.
local function sliding_room(key, spec, now)
  local oldest = redis.call('LINDEX', key, 0)
  while oldest and tonumber(oldest) <= now - spec.period do
    redis.call('LPOP', key)
    oldest = redis.call('LINDEX', key, 0)
  end
  return math.max(0, spec.count - redis.call('LLEN', key)), (tonumber(oldest or now)) + spec.period
end

local ROOMS = { smooth = smooth_room, fixed = fixed_room, sliding = sliding_room }

-- Until when a rate admits nothing, because the other side asked for it; nil if that is over.
local function penalty_of(k, bucket, now)
  local till = tonumber(redis.call('GET', sub(k, 'until:' .. bucket)) or nil)
  return till and till > now and till or nil
end

local function room_of_spec(k, bucket, spec, now)
  if is_concurrency(bucket) then
    local used = tonumber(redis.call('HGET', sub(k, 'slots'), bucket) or '0')
    return math.max(0, spec.count - used), now + LOOK_AGAIN_MS
  end
  local till = penalty_of(k, bucket, now)
  if till then return 0, till end
  return ROOMS[spec.window](rate_key(k, spec, bucket), spec, now)
end

-- How many jobs a bucket admits now, and when it is worth looking again (if none), or once those have gone.
local function room_of(k, bucket, now)
  local limit = limit_of(bucket)
  if string.sub(limit, 1, 1) == 'p' then
    local till = paused_until(k, 'type|' .. string.sub(limit, 3), now)
    if not till then return NO_LIMIT, now end
    local later = now + LOOK_AGAIN_MS -- also before its end: it may have been shortened
    return 0, till == 0 and later or math.min(till, later)
  end
  local spec = spec_of(k, limit, now)
  if not spec then return NO_LIMIT, now end
  local room, later = room_of_spec(k, bucket, spec, now)
  return room, spec.till and math.min(later, spec.till) or later
end

-- Counts one job that starts against a bucket. What an idle bucket has stored expires by itself.
local function charge(k, bucket, now)
  if is_concurrency(bucket) then
    redis.call('HINCRBY', sub(k, 'slots'), bucket, 1)
    return
  end
  local spec = spec_of(k, limit_of(bucket), now)
  if not spec then return end
  local key = rate_key(k, spec, bucket)
  if spec.window == 'smooth' then
    local interval = spec.period / spec.count
    write_smooth(key, arrival_time(key, interval, now) + interval, interval, now)
  elseif spec.window == 'fixed' then
    local index, used = used_in(key, spec, now)
    redis.call('SET', key, string.format('%.0f:%.0f', index, used + 1), 'PX', math.ceil((index + 1) * spec.period - now))
  else
    redis.call('RPUSH', key, string.format('%.3f', now))
    redis.call('PEXPIRE', key, spec.period)
  end
end

-- The other side asked for a pause: a rate admits nothing until then, and no burst after it.
local function penalise(k, bucket, till, now)
  local spec = spec_of(k, limit_of(bucket), now)
  if not spec or is_concurrency(bucket) or till <= (penalty_of(k, bucket, now) or now) then return end
  redis.call('SET', sub(k, 'until:' .. bucket), string.format('%.0f', till), 'PX', math.ceil(till - now))
  if spec.window == 'smooth' then
    local interval = spec.period / spec.count
    write_smooth(rate_key(k, spec, bucket), till + (spec.burst - 1) * interval, interval, now)
  end
end

-- The same for all rate limits of a job, for so many milliseconds (0: not at all).
local function penalise_lane(k, id, pause, now)
  if pause <= 0 then return end
  for _, bucket in ipairs(buckets_of(redis.call('HGET', k.lanes, id) or '')) do penalise(k, bucket, now + pause, now) end
end

-- A lane has its turn. Returns the id of its head, counted against all its buckets; nil if one of them does not admit
-- it: then nothing was taken, and the lane waits in that one's line. O(buckets), of which there are at most five.
local function draw_turn(k, queue, lane, score, now)
  local buckets = buckets_of(lane)
  for _, bucket in ipairs(buckets) do
    local room, later = room_of(k, bucket, now)
    if room < 1 then
      redis.call('ZREM', sub(k, 'turns'), lane)
      redis.call('ZADD', sub(k, 'line:' .. bucket), score, lane)
      redis.call('ZADD', sub(k, 'holds'), 'LT', later, bucket)
      redis.call('ZADD', k.due, 'LT', later, queue)
      pass_on(k, queue, lane, bucket, now) -- who fetches looks at these next: nobody needs to be woken
      return nil
    end
  end
  for _, bucket in ipairs(buckets) do charge(k, bucket, now) end
  local key = sub(k, 'lane:' .. lane)
  local id = redis.call('ZPOPMIN', key)[1]
  redis.call('ZREM', k.limited, id)
  count_parked(k, lane, -1)
  local head = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
  if head then -- behind the others of its priority: keys are served in turn
    local priority = math.floor(tonumber(head) / PRIORITY_STEP)
    redis.call('ZADD', sub(k, 'turns'), priority * PRIORITY_STEP + redis.call('INCR', k.token), lane)
  else
    redis.call('ZREM', sub(k, 'turns'), lane)
  end
  return id
end

-- The first of a set in the order of priorities, or (last) the first of its last priority: {name, score}.
local function first_of(zset, last)
  if not last then return redis.call('ZRANGE', zset, 0, 0, 'WITHSCORES') end
  local score = tonumber(redis.call('ZREVRANGE', zset, 0, 0, 'WITHSCORES')[2])
  if not score then return {} end
  local class = math.floor(score / PRIORITY_STEP) * PRIORITY_STEP
  return redis.call('ZRANGEBYSCORE', zset, class, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
end

-- Gives `want` more lanes their turn whose bucket has room again, if there are so many: those of the first priority, or
-- (last) one of the last priority of each bucket. Lanes that have a turn already do not count: they may never need
-- to wait, and the others must not wait for them. Looks at no more than `budget` buckets, and returns what is left of
-- it. O(budget + want).
local function refill(k, queue, want, last, now, budget)
  local turns, holds = sub(k, 'turns'), sub(k, 'holds')
  local given, passed = 0, 0
  while given < want and budget > 0 do
    local bucket = redis.call('ZRANGEBYSCORE', holds, '-inf', now, 'LIMIT', passed, 1)[1]
    if not bucket then break end
    budget = budget - 1
    local room, later = room_of(k, bucket, now)
    if room < 1 then
      redis.call('ZADD', holds, later, bucket)
    else
      local line = sub(k, 'line:' .. bucket)
      local lanes = last and first_of(line, true)
        or redis.call('ZRANGE', line, 0, math.min(room, want - given) - 1, 'WITHSCORES')
      for i = 1, #lanes, 2 do
        redis.call('ZREM', line, lanes[i])
        redis.call('ZADD', turns, lanes[i + 1], lanes[i])
        given = given + 1
      end
      if redis.call('EXISTS', line) == 0 then
        redis.call('ZREM', holds, bucket)
      elseif #lanes / 2 >= room then
        redis.call('ZADD', holds, math.max(later, now + 1), bucket)
      else
        passed = passed + 1 -- it has more room and more lanes: its hold stays due
      end
    end
  end
  refresh_due(k, queue)
  return budget
end
