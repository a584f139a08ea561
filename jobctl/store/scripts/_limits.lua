-- What limits allow, and which lane's turn it is. What a lane, a bucket and a hold are: _lanes.

local SLACK_MS = 50 -- a start this late does not slow a smooth limit down: it catches up, by no more than this
local LOOK_AGAIN_MS = 30000 -- a bucket that something else wakes is looked at this often anyhow
local NO_LIMIT = 1e9

local function time_exact()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + tonumber(t[2]) / 1000
end

local specs = {}

-- What a limit allows: {count, period, burst, window, ends (when it allows something else)}, or false where nothing defines it. One that was set by hand goes
-- before the catalog's until its time is over.
local function spec_of(k, limit, now)
  local cached = specs[k.limits .. limit]
  if cached ~= nil then return cached end
  local found = redis.call('HMGET', k.limits, limit, limit .. '|set')
  local text, ends = found[1], nil
  if found[2] then
    local till, _, by_hand = string.match(found[2], '^(%d+)|([^|]*)|(.*)$')
    if till == '0' or tonumber(till) > now then
      text = by_hand
      if till ~= '0' then ends = tonumber(till) end
    end
  end
  local spec = false
  if text then
    local count, period, burst, window = string.match(text, '^(%S+) ?(%S*) ?(%S*) ?(%S*)$')
    spec = { count = tonumber(count), period = tonumber(period), burst = tonumber(burst), window = window, ends = ends }
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

-- The smooth limit is the generic cell rate algorithm (ITU-T I.371): one number, the theoretical arrival time, with the
-- interval at which it was counted: what is used stays the same number of starts when the rate is changed. After a
-- penalty it stands alone, and is a time.
local function keep_arrival(key, at, interval, now)
  local keep = math.max(1, math.ceil(at - now + SLACK_MS))
  redis.call('SET', key, string.format('%.3f', at) .. (interval and string.format(':%.17g', interval) or ''), 'PX', keep)
end

local function arrival_time(key, interval, now)
  local stored = redis.call('GET', key)
  if not stored then return now end
  local at, counted = string.match(stored, '^([^:]+):?(.*)$')
  at, counted = tonumber(at), tonumber(counted)
  if counted and counted ~= interval and at > now then
    at = now + (at - now) * interval / counted
    keep_arrival(key, at, interval, now)
  end
  return at
end

local function smooth_room(key, spec, now)
  local interval = spec.period / spec.count
  local first = arrival_time(key, interval, now) - (spec.burst - 1) * interval
  if first > now then return 0, first end
  local n = math.floor((now - first) / interval) + 1
  return n, first + n * interval
end

local function fixed_room(key, spec, now)
  local stored = redis.call('GET', key)
  if stored and string.sub(stored, 1, 1) == 'x' then return 0, tonumber(string.sub(stored, 2)) end
  local index = math.floor(now / spec.period)
  local of, used = string.match(stored or '', '^(%d+):(%d+)$')
  if tonumber(of) ~= index then used = 0 end
  return math.max(0, spec.count - tonumber(used)), (index + 1) * spec.period
end

-- A list of the times of the starts in the latest period; after a penalty, of one entry that says until when.
local function sliding_room(key, spec, now)
  local oldest = redis.call('LINDEX', key, 0)
  if oldest and string.sub(oldest, 1, 1) == 'x' then
    local till = tonumber(string.sub(oldest, 2))
    if till > now then return 0, till end
    redis.call('DEL', key)
    oldest = nil
  end
  while oldest and tonumber(oldest) <= now - spec.period do
    redis.call('LPOP', key)
    oldest = redis.call('LINDEX', key, 0)
  end
  return math.max(0, spec.count - redis.call('LLEN', key)), (tonumber(oldest or now)) + spec.period
end

local ROOMS = { smooth = smooth_room, fixed = fixed_room, sliding = sliding_room }

-- How many jobs a bucket admits now, and when it is worth looking again (if none), or once those have gone.
local function room_of(k, bucket, now)
  local limit = limit_of(bucket)
  if string.sub(limit, 1, 1) == 'p' then
    local till = paused_until(k, 'type|' .. string.sub(limit, 3), now)
    if not till then return NO_LIMIT, now end
    return 0, till == 0 and now + LOOK_AGAIN_MS or till
  end
  local spec = spec_of(k, limit, now)
  if not spec then return NO_LIMIT, now end
  if is_concurrency(bucket) then
    local used = tonumber(redis.call('HGET', sub(k, 'slots'), bucket) or '0')
    return math.max(0, spec.count - used), now + LOOK_AGAIN_MS
  end
  local room, later = ROOMS[spec.window](sub(k, 'rate:' .. bucket), spec, now)
  return room, spec.ends and math.min(later, spec.ends) or later
end

-- Counts one job that starts against a bucket. What an idle bucket has stored expires by itself.
local function charge(k, bucket, now)
  if is_concurrency(bucket) then
    redis.call('HINCRBY', sub(k, 'slots'), bucket, 1)
    return
  end
  local spec = spec_of(k, limit_of(bucket), now)
  if not spec then return end
  local key = sub(k, 'rate:' .. bucket)
  if spec.window == 'smooth' then
    local interval = spec.period / spec.count
    local at = arrival_time(key, interval, now) + interval
    keep_arrival(key, at, interval, now)
  elseif spec.window == 'fixed' then
    local index = math.floor(now / spec.period)
    local of, used = string.match(redis.call('GET', key) or '', '^(%d+):(%d+)$')
    if tonumber(of) ~= index then used = 0 end
    redis.call('SET', key, string.format('%.0f:%.0f', index, used + 1), 'PX', math.ceil((index + 1) * spec.period - now))
  else
    redis.call('RPUSH', key, string.format('%.3f', now))
    redis.call('PEXPIRE', key, spec.period)
  end
end

-- The other side asked for a pause: the limit admits nothing until then.
local function penalise(k, bucket, till, now)
  local spec = spec_of(k, limit_of(bucket), now)
  if not spec or not spec.period then return end
  local key, keep = sub(k, 'rate:' .. bucket), math.max(1, math.ceil(till - now))
  if spec.window == 'smooth' then
    local interval = spec.period / spec.count
    local at = till + (spec.burst - 1) * interval
    if at > arrival_time(key, interval, now) then keep_arrival(key, at, nil, now) end
  elseif spec.window == 'fixed' then
    redis.call('SET', key, string.format('x%.0f', till), 'PX', keep)
  else
    redis.call('DEL', key)
    redis.call('RPUSH', key, string.format('x%.0f', till))
    redis.call('PEXPIRE', key, keep)
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
      redis.call('ZADD', k.due, 'LT', later, queue) -- who fetches is told of it: no need to wake anybody
      pass_on(k, queue, lane, bucket, now)
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

-- The lanes of a bucket's line that are next: the best priority first; now and then the first of the last priority.
local function next_in_line(k, line, n)
  local last = tonumber(redis.call('ZREVRANGE', line, 0, 0, 'WITHSCORES')[2])
  local first = tonumber(redis.call('ZRANGE', line, 0, 0, 'WITHSCORES')[2])
  local class = math.floor(last / PRIORITY_STEP)
  if class > math.floor(first / PRIORITY_STEP) and redis.call('INCR', k.token) % 16 == 0 then
    return redis.call('ZRANGEBYSCORE', line, class * PRIORITY_STEP, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  end
  return redis.call('ZRANGE', line, 0, n - 1, 'WITHSCORES')
end

-- Gives lanes their turn whose bucket has room again, until there are `want` turns. Looks at no more than `budget` buckets
-- and returns what is left of it. O(budget).
local function refill(k, queue, want, now, budget)
  local turns, holds = sub(k, 'turns'), sub(k, 'holds')
  local have = redis.call('ZCARD', turns)
  while have < want and budget > 0 do
    local bucket = redis.call('ZRANGEBYSCORE', holds, '-inf', now, 'LIMIT', 0, 1)[1]
    if not bucket then break end
    budget = budget - 1
    local room, later = room_of(k, bucket, now)
    if room < 1 then
      redis.call('ZADD', holds, later, bucket)
    else
      local line = sub(k, 'line:' .. bucket)
      local n = math.min(room, want - have, 50)
      local lanes = next_in_line(k, line, n)
      for i = 1, #lanes, 2 do
        redis.call('ZREM', line, lanes[i])
        redis.call('ZADD', turns, lanes[i + 1], lanes[i])
        have = have + 1
      end
      if redis.call('EXISTS', line) == 0 then
        redis.call('ZREM', holds, bucket)
      elseif #lanes / 2 >= room then
        redis.call('ZADD', holds, math.max(later, now + 1), bucket)
      end
    end
  end
  refresh_due(k, queue)
  return budget
end
