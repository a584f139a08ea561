-- Reserves jobs for a worker: due ones are promoted, then high priorities, the list, low priorities; each gets a token.
-- KEYS: token paused due
-- KEYS-EACH: ready bodies ordered priorities stale wake running records crashes delayed retrying
-- ARGV: worker, want, then the queue names in the order in which they are to be asked
-- Returns: {now, next due time of any queue (ms, 0 if none), then for each job: queue index (from 0), id, token, body,
--          record or '', crashes or '0'}
-- Cost: O(want + queues), stale entries skipped at most 1,000 a queue

local STARVE = 16 -- of 16 jobs started, one is the last in the order of priorities
local worker, want = ARGV[1], tonumber(ARGV[2])
local now = time_ms()
local out = { now, 0 }
local left = want
local token
local behind = false

local function is_paused(queue)
  local until_ms = redis.call('HGET', K.paused, queue)
  if not until_ms then return false end
  until_ms = tonumber(string.match(until_ms, '^%d+'))
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

local function draw(k, n, starving)
  if redis.call('EXISTS', k.ordered) == 0 then return from_list(k, n) end
  local ids = {}
  if starving then
    append(ids, from_ordered(k, 0, '+inf', 1))
    if #ids == 0 then append(ids, from_list(k, 1)) end
  end
  append(ids, from_ordered(k, '-inf', '(0', n - #ids))
  append(ids, from_list(k, n - #ids))
  append(ids, from_ordered(k, 0, '+inf', n - #ids))
  return ids
end

-- Entries whose job was cancelled, is running, or waits for its time were left behind in the list: skip and uncount.
local function live_of(k, ids)
  local bodies = redis.call('HMGET', k.bodies, unpack(ids))
  local running = redis.call('HMGET', k.running, unpack(ids))
  local stale = tonumber(redis.call('GET', k.stale) or '0')
  local delayed, retrying = {}, {}
  if stale > 0 then
    delayed = redis.call('ZMSCORE', k.delayed, unpack(ids))
    retrying = redis.call('ZMSCORE', k.retrying, unpack(ids))
  end
  local good, good_bodies, skipped, seen = {}, {}, 0, {}
  for i, id in ipairs(ids) do
    if bodies[i] and not running[i] and not delayed[i] and not retrying[i] and not seen[id] then
      seen[id] = true
      good[#good + 1] = id
      good_bodies[#good_bodies + 1] = bodies[i]
    else
      skipped = skipped + 1
    end
  end
  if skipped > 0 and stale > 0 then
    if skipped >= stale then redis.call('DEL', k.stale) else redis.call('DECRBY', k.stale, skipped) end
  end
  return good, good_bodies
end

local function reserve(k, index, ids, bodies)
  local last = redis.call('INCRBY', K.token, #ids)
  token = last
  local reservations = {}
  local records = redis.call('HMGET', k.records, unpack(ids))
  local crashes = redis.call('EXISTS', k.crashes) == 1 and redis.call('HMGET', k.crashes, unpack(ids)) or {}
  for i, id in ipairs(ids) do
    local mine = string.format('%.0f', last - #ids + i)
    reservations[#reservations + 1] = id
    reservations[#reservations + 1] = mine .. '|' .. worker .. '|' .. now
    local n = #out
    out[n + 1], out[n + 2], out[n + 3] = index, id, mine
    out[n + 4], out[n + 5], out[n + 6] = bodies[i], records[i] or '', crashes[i] or '0'
  end
  redis.call('HSET', k.running, unpack(reservations))
end

local function take(k, index, queue)
  local budget = 1000
  while left > 0 and budget > 0 do
    local n = math.min(left, 500)
    token = token or tonumber(redis.call('GET', K.token) or '0')
    local ids = draw(k, n, math.floor(token / STARVE) ~= math.floor((token + n) / STARVE))
    if #ids == 0 then return end
    budget = budget - #ids
    local good, bodies = live_of(k, ids)
    if #good > 0 then
      reserve(k, index, good, bodies)
      left = left - #good
    end
  end
end

local is_due = {}
for _, queue in ipairs(redis.call('ZRANGEBYSCORE', K.due, '-inf', now, 'LIMIT', 0, 1000)) do is_due[queue] = true end
local any_paused = redis.call('EXISTS', K.paused) == 1

for i, k in ipairs(Q) do
  local queue = ARGV[i + 2]
  k.token, k.due = K.token, K.due
  if not (any_paused and is_paused(queue)) then
    if is_due[queue] then
      promote_due(k, queue, now, 200)
      local next_due = redis.call('ZSCORE', K.due, queue)
      if next_due and tonumber(next_due) <= now then behind = true end
    end
    if left > 0 then take(k, i - 1, queue) end
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
