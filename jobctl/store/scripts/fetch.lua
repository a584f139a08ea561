-- Reserves jobs for a worker: due ones are promoted, then high priorities, the list, low priorities; each gets a token.
-- KEYS: token paused due
-- KEYS-EACH: ready bodies ordered priorities stale since wake running records crashes delayed retrying
-- ARGV: worker, want, then the queue names in the order in which they are to be asked
-- Returns: {now, next due time of any queue (ms, 0 if none), then for each job: queue index (from 0), id, token, body,
--          record or '', crashes or '0'}
-- Cost: O(want + queues), stale entries skipped at most 1,000 a queue

local STARVE = 16 -- of any 16 jobs of a queue started one after the other, one is of its last priority
local worker, want = ARGV[1], tonumber(ARGV[2])
local now = time_ms()
local out = { now, 0 }
local left = want
local behind = false

local function is_paused(queue)
  local until_ms = redis.call('HGET', K.paused, queue)
  if not until_ms then return false end
  until_ms = tonumber(string.match(until_ms, '^%d+') or '0')
  return until_ms == 0 or until_ms > now
end

local function from_ordered(k, low, high, n)
  if n <= 0 then return {} end
  local ids = redis.call('ZRANGEBYSCORE', k.ordered, low, high, 'LIMIT', 0, n)
  if #ids > 0 then redis.call('ZREM', k.ordered, unpack(ids)) end
  return ids
end

local function from_list(k, n)
  if n <= 0 then return {} end
  return redis.call('LPOP', k.ready, n) or {}
end

local function append(to, from)
  for _, v in ipairs(from) do to[#to + 1] = v end
end

-- The next n of a queue in the order of priorities; the list holds those of priority 0.
local function draw(k, n)
  if redis.call('EXISTS', k.ordered) == 0 then return from_list(k, n) end
  local ids = from_ordered(k, '-inf', '(0', n)
  append(ids, from_list(k, n - #ids))
  append(ids, from_ordered(k, 0, '+inf', n - #ids))
  return ids
end

-- The oldest of the last priority that waits.
local function draw_last(k)
  local last = tonumber(redis.call('ZREVRANGE', k.ordered, 0, 0, 'WITHSCORES')[2])
  if last and (last >= 0 or redis.call('EXISTS', k.ready) == 0) then
    return from_ordered(k, math.floor(last / PRIORITY_STEP) * PRIORITY_STEP, '+inf', 1)
  end
  return from_list(k, 1)
end

-- Entries whose job was cancelled, is running, waits for its time or in the other line: left behind. Skip and uncount.
local function live_of(k, ids)
  local bodies = redis.call('HMGET', k.bodies, unpack(ids))
  local running = redis.call('HMGET', k.running, unpack(ids))
  local elsewhere = {}
  for _, zset in ipairs({ k.delayed, k.retrying, k.ordered }) do
    if redis.call('EXISTS', zset) == 1 then elsewhere[#elsewhere + 1] = redis.call('ZMSCORE', zset, unpack(ids)) end
  end
  local good, good_bodies, skipped, seen = {}, {}, 0, {}
  for i, id in ipairs(ids) do
    local live = bodies[i] and not running[i] and not seen[id]
    for _, scores in ipairs(elsewhere) do live = live and not scores[i] end
    if live then
      seen[id] = true
      good[#good + 1] = id
      good_bodies[#good_bodies + 1] = bodies[i]
    else
      skipped = skipped + 1
    end
  end
  if skipped > 0 then uncount(k, skipped) end
  return good, good_bodies
end

-- An id that is not printable ASCII cannot be typed and may not be text at all: a stock message with such a one goes on
-- under its hexadecimal form (with the token, so that it is nobody else's).
local function readable(k, id, token)
  if not string.find(id, '[^\33-\126]') then return id end
  local hex = string.gsub(string.sub(id, 1, 40), '.', function(c) return string.format('%02x', string.byte(c)) end)
  local name = 'x' .. hex .. '-' .. token
  for _, hash in ipairs({ k.bodies, k.records, k.priorities, k.crashes }) do
    local value = redis.call('HGET', hash, id)
    redis.call('HDEL', hash, id)
    if value then redis.call('HSET', hash, name, value) end
  end
  return name
end

local function reserve(k, index, ids, bodies)
  local last = redis.call('INCRBY', K.token, #ids)
  local reservations = {}
  local records = redis.call('HMGET', k.records, unpack(ids))
  local crashes = redis.call('EXISTS', k.crashes) == 1 and redis.call('HMGET', k.crashes, unpack(ids)) or {}
  for i, stock_id in ipairs(ids) do
    local mine = string.format('%.0f-%.0f', last - #ids + i, now) -- with the time: a count may be lost and given again
    local id = readable(k, stock_id, mine)
    reservations[#reservations + 1] = id
    reservations[#reservations + 1] = mine .. '|' .. worker .. '|' .. now
    local n = #out
    out[n + 1], out[n + 2], out[n + 3] = index, id, mine
    out[n + 4], out[n + 5], out[n + 6] = bodies[i], records[i] or '', crashes[i] or '0'
  end
  redis.call('HSET', k.running, unpack(reservations))
end

local function take(k, index)
  local budget = 1000
  local mixed = redis.call('EXISTS', k.ordered) == 1
  local since = mixed and tonumber(redis.call('GET', k.since) or '0') or 0 -- started since one of the last priority was
  while left > 0 and budget > 0 do
    local last = since >= STARVE - 1
    local ids = last and draw_last(k) or draw(k, mixed and math.min(left, STARVE - 1 - since) or math.min(left, 500))
    if #ids == 0 then
      redis.call('DEL', k.stale)
      break
    end
    budget = budget - #ids
    local good, bodies = live_of(k, ids)
    if #good > 0 then
      reserve(k, index, good, bodies)
      left = left - #good
      if mixed then since = last and 0 or since + #good end
    end
  end
  if mixed then redis.call('SET', k.since, since) end
end

local names = {}
for i = 3, #ARGV do names[i - 2] = ARGV[i] end
local due = #names > 0 and redis.call('ZMSCORE', K.due, unpack(names)) or {}
local any_paused = redis.call('EXISTS', K.paused) == 1

for i, k in ipairs(Q) do
  local queue = names[i]
  k.token, k.due = K.token, K.due
  if not (any_paused and is_paused(queue)) then
    if due[i] and tonumber(due[i]) <= now then
      promote_due(k, queue, now, 200)
      local next_due = redis.call('ZSCORE', K.due, queue)
      if next_due and tonumber(next_due) <= now then behind = true end
    end
    if left > 0 then take(k, i - 1) end
    if redis.call('EXISTS', k.ready, k.ordered) > 0 then wake(k) end
  end
end

if behind then
  out[2] = now
else
  local later = redis.call('ZRANGEBYSCORE', K.due, '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  if later[2] then out[2] = math.floor(tonumber(later[2])) end
end
return out
