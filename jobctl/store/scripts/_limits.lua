-- What limits allow, and how much of it is used. What a lane, a bucket and a hold are: _lanes.
-- INCLUDE: _budget _due _lanes _rates
-- KEYS: limits lanes paused

local LOOK_AGAIN_MS = 30000 -- a bucket that something else wakes is looked at this often anyhow
local NO_LIMIT = 1e9
local COUNTED = 25 / 1024 -- units a byte of what a counter has stored: every part of a window is looked at

local specs = {}

-- What a limit allows: {text, count, period, burst, window}, or false where nothing defines it. One that was set by hand
-- goes before the catalog's until its time is over; it has {till (nil: it has no end), set_until (0: no end), set_by} too.
local function spec_of(k, limit, now)
  local cached = specs[k.limits .. limit]
  if cached ~= nil then return cached end
  local found = redis.call('HMGET', k.limits, limit, limit .. '|set')
  local till, by, by_hand = string.match(found[2] or '', '^(%d+)|([^|]*)|(.*)$')
  local in_force = till and (till == '0' or tonumber(till) > now)
  local text, spec = in_force and by_hand or found[1], false
  if text then
    local count, period, burst, window = string.match(text, '^(%S+) ?(%S*) ?(%S*) ?(%S*)$')
    spec = { text = text, count = tonumber(count), period = tonumber(period), burst = tonumber(burst), window = window }
    if in_force then
      spec.set_until, spec.set_by = tonumber(till), by
      if till ~= '0' then spec.till = spec.set_until end
    end
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

local any_pause -- whether anything is paused; mostly nothing is

local function type_paused_until(k, job_type, now)
  if any_pause == nil then any_pause = redis.call('EXISTS', k.paused) == 1 end
  return any_pause and paused_until(k, 'type|' .. job_type, now) or nil
end

-- Each kind of counter keeps its own keys: a limit may change from one to another while it is in use.
local function counter_key(k, spec, bucket) return sub(k, COUNTERS[spec.window].key .. ':' .. bucket) end

local function read_rate(k, spec, bucket, now)
  local text = redis.call('GET', counter_key(k, spec, bucket))
  spend_bytes({ text }, COUNTED)
  return COUNTERS[spec.window].read(text, spec, now)
end

-- What an idle bucket has stored expires by itself.
local function write_rate(k, spec, bucket, state, now)
  local text, keep_ms = COUNTERS[spec.window].write(state, spec, now)
  redis.call('SET', counter_key(k, spec, bucket), text, 'PX', math.max(1, math.ceil(keep_ms)))
end

-- Until when a rate admits nothing, because the other side asked for it; nil if that is over.
local function penalty_of(k, bucket, now)
  local till = tonumber(redis.call('GET', sub(k, 'until:' .. bucket)) or nil)
  return till and till > now and till or nil
end

local function room_of_rate(k, spec, bucket, now)
  local till = penalty_of(k, bucket, now)
  if till then return 0, till end
  local state, changed = read_rate(k, spec, bucket, now)
  if changed then write_rate(k, spec, bucket, state, now) end
  local room, later = COUNTERS[spec.window].room(state, spec, now)
  return room, later, state
end

-- When it is worth looking again at a bucket whose job type is paused; nil if it is not, or the bucket is of no type.
local function look_after_pause(k, limit, now)
  local till = string.find(limit, '^[prc]:') and type_paused_until(k, string.sub(limit, 3), now)
  if not till then return nil end
  local later = now + LOOK_AGAIN_MS -- also before its end: it may have been shortened
  return till == 0 and later or math.min(till, later)
end

-- How many jobs a bucket admits now, and when it is worth looking again (if none), or once those have gone. Of a rate
-- also its state, for `charge`.
local function room_of(k, bucket, now)
  local limit = limit_of(bucket)
  local paused = look_after_pause(k, limit, now)
  if paused then return 0, paused end
  local spec = spec_of(k, limit, now)
  if not spec then return NO_LIMIT, now end
  local room, later, state
  if is_concurrency(bucket) then
    room = math.max(0, spec.count - tonumber(redis.call('HGET', sub(k, 'slots'), bucket) or '0'))
    later = now + LOOK_AGAIN_MS
  else
    room, later, state = room_of_rate(k, spec, bucket, now)
  end
  return room, spec.till and math.min(later, spec.till) or later, state
end

-- Counts n jobs that start against a bucket. `state` is what room_of said of it.
local function charge(k, bucket, n, now, state)
  if is_concurrency(bucket) then
    redis.call('HINCRBY', sub(k, 'slots'), bucket, n)
  elseif state then
    local spec = spec_of(k, limit_of(bucket), now)
    COUNTERS[spec.window].add(state, spec, now, n)
    write_rate(k, spec, bucket, state, now)
  end
end

local function is_rate(bucket) return string.find(bucket, '^[rR]') ~= nil end

-- The other side asked for a pause: a rate admits nothing until then, and no burst after it.
local function penalise(k, bucket, till, now)
  local spec = spec_of(k, limit_of(bucket), now)
  if not spec or till <= (penalty_of(k, bucket, now) or now) then return end
  redis.call('SET', sub(k, 'until:' .. bucket), string.format('%.0f', till), 'PX', math.ceil(till - now))
  if spec.window == 'smooth' then
    write_rate(k, spec, bucket, { tat = till + (spec.burst - 1) * spec.period / spec.count }, now)
  end
end

-- The same for all rate limits of a job, for so many milliseconds (0: not at all).
local function penalise_lane(k, id, pause, now)
  if pause <= 0 then return end
  for _, bucket in ipairs(buckets_of(redis.call('HGET', k.lanes, id) or '')) do
    if is_rate(bucket) then penalise(k, bucket, now + pause, now) end
  end
end
