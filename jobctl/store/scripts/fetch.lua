-- Reserves jobs for a worker: due ones are promoted, then high priorities, the list, low priorities; each gets a token.
-- Jobs with limits are taken from the lanes whose turn it is, only if all their limits admit them.
-- INCLUDE: _list _due _lanes _limits _unique _ready
-- KEYS: token paused due
-- KEYS-EACH: ready bodies ordered priorities stale since running records crashes delayed retrying lanes limited uniques expiring
-- ARGV: worker, want, then the queue names in the order in which they are to be asked
-- Returns: {now, next due time of any queue (ms, 0 if none), names of paused job types, one a line, then for each job:
--          queue index (from 0), id, token, body, record or '', facts}; facts is the crashes, or
--          'CRASHES|expires (epoch ms or '')|LANE' for a job that has more than those
-- Cost: O(want + queues), stale entries skipped at most 1,000 a queue, lanes tried at most 200

local STARVE = 16 -- of any 16 jobs of a queue started one after the other, one is of its last priority
local worker, want = ARGV[1], tonumber(ARGV[2])
local now = time_ms()
local exact = time_exact()
local out = { now, 0, '' }
local left = want
local behind = false
local tries = 200 -- buckets and lanes that one call looks at

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

-- What a worker must know of a job beside its body and record.
local function facts_of(crashes, expires, lane)
  crashes = crashes or '0'
  if not expires and not lane then return crashes end
  return crashes .. '|' .. (expires or '') .. '|' .. (lane or '')
end

local function reserve(k, index, ids, bodies)
  local last = redis.call('INCRBY', K.token, #ids)
  local reservations = {}
  local records = redis.call('HMGET', k.records, unpack(ids))
  local crashes = redis.call('EXISTS', k.crashes) == 1 and redis.call('HMGET', k.crashes, unpack(ids)) or {}
  local beside = redis.call('EXISTS', k.lanes, k.expiring, k.uniques) > 0
  local lanes = beside and redis.call('HMGET', k.lanes, unpack(ids)) or {}
  local expires = beside and redis.call('ZMSCORE', k.expiring, unpack(ids)) or {}
  if beside then free_keys(k, ids, 'started') end
  for i, stock_id in ipairs(ids) do
    local mine = string.format('%.0f-%.0f', last - #ids + i, now) -- with the time: a count may be lost and given again
    local id = readable(k, stock_id, mine)
    reservations[#reservations + 1] = id
    reservations[#reservations + 1] = mine .. '|' .. worker .. '|' .. now
    local n = #out
    out[n + 1], out[n + 2], out[n + 3] = index, id, mine
    out[n + 4], out[n + 5], out[n + 6] = bodies[i], records[i] or '', facts_of(crashes[i], expires[i], lanes[i])
  end
  redis.call('HSET', k.running, unpack(reservations))
end

-- Takes jobs of a queue that has no lanes: in bulk.
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

local function priority_of(row) return row[2] and math.floor(tonumber(row[2]) / PRIORITY_STEP) end

-- Whose turn it is: 'lane', 'ordered' or 'list', and the name and score there; nil if no lane has a turn. Of two with
-- the same priority the lane goes first if `lanes_first`.
local function choose(k, last, lanes_first)
  local lane = first_of(sub(k, 'turns'), last)
  if not lane[1] then return nil end
  local ordered = first_of(k.ordered, last)
  local best = { 'lane', priority_of(lane), lane }
  for _, other in ipairs({
    { 'ordered', priority_of(ordered), ordered },
    { 'list', redis.call('EXISTS', k.ready) == 1 and 0 or nil, {} },
  }) do
    local ahead = other[2] and (last and other[2] - best[2] or best[2] - other[2])
    if ahead and (ahead > 0 or (ahead == 0 and best[1] == 'lane' and not lanes_first)) then best = other end
  end
  return best[1], best[3][1], tonumber(best[3][2])
end

-- Takes at most n jobs one by one, lanes and lines in turn among equals, for as long as a lane has its turn. `since` were
-- started since one of the last priority was; `last`: it is time for one.
local function take_in_turn(k, index, queue, n, last, since)
  local lanes_first = last and redis.call('INCR', sub(k, 'ties')) % 2 == 0
  local ids, bodies, taken = {}, {}, {}
  while #ids < n and tries > 0 do
    tries = tries - 1
    if not last then lanes_first = (since + #ids) % 2 == 0 end
    local source, name, score = choose(k, last, lanes_first)
    if not source then break end
    local good, found = {}, {}
    if source == 'lane' then
      good[1] = draw_turn(k, queue, name, score, exact)
      if good[1] then
        found[1] = redis.call('HGET', k.bodies, good[1])
        taken[good[1]] = true -- an old entry in the list is none of it
      end
    else
      if source == 'list' then name = redis.call('LPOP', k.ready) else redis.call('ZREM', k.ordered, name) end
      good, found = live_of(k, { name }, taken)
    end
    if good[1] then ids[#ids + 1], bodies[#bodies + 1] = good[1], found[1] or '' end
  end
  if #ids == 0 then return end
  reserve(k, index, ids, bodies)
  left = left - #ids
  redis.call('SET', k.since, last and 0 or since + #ids)
end

-- Takes what the queue has: as long as lanes may have their turn, one by one.
local function serve(k, index, queue, limited)
  local before = left
  while limited and left > 0 do
    if tries <= 0 then
      behind = true
      if left < before then return end -- lanes and lines go on in turn with the next fetch
      break
    end
    local since = tonumber(redis.call('GET', k.since) or '0')
    local last = since >= STARVE - 1
    local n = math.min(left, math.max(1, STARVE - 1 - since))
    tries = refill(k, queue, last and STARVE or n, last, exact, tries)
    if redis.call('EXISTS', sub(k, 'turns')) == 0 then break end
    take_in_turn(k, index, queue, n, last, since)
  end
  if left > 0 then take(k, index) end
end

-- Whether a bucket that others wait for is to be looked at now: `left` was used up before all were.
local function held_too_long(k)
  local hold = tonumber(redis.call('ZRANGE', sub(k, 'holds'), 0, 0, 'WITHSCORES')[2])
  return hold and hold <= exact
end

local names = {}
for i = 3, #ARGV do names[i - 2] = ARGV[i] end
local due = #names > 0 and redis.call('ZMSCORE', K.due, unpack(names)) or {}
local any_paused = redis.call('EXISTS', K.paused) == 1
local all_paused = any_paused and paused_until(K, '*', now)
if any_paused then
  local types = {}
  for _, name in ipairs(redis.call('HKEYS', K.paused)) do
    if string.sub(name, 1, 5) == 'type|' and paused_until(K, name, now) then types[#types + 1] = string.sub(name, 6) end
  end
  out[3] = table.concat(types, '\n')
end

for i, k in ipairs(Q) do
  local queue = names[i]
  if not (any_paused and (all_paused or paused_until(K, queue, now))) then
    local is_due = due[i] and tonumber(due[i]) <= now
    local limited = redis.call('EXISTS', k.limited) == 1
    if is_due or limited then redis.call('ZREM', k.limited, '') end -- at maxmemory the first write must not need memory
    if is_due then
      promote_due(k, queue, now, 200)
      limited = redis.call('EXISTS', k.limited) == 1
      local next_due = redis.call('ZRANGEBYSCORE', k.delayed, '-inf', now, 'LIMIT', 0, 1)[1]
        or redis.call('ZRANGEBYSCORE', k.retrying, '-inf', now, 'LIMIT', 0, 1)[1]
      if next_due then behind = true end
    end
    if left > 0 then serve(k, i - 1, queue, limited) end
    if redis.call('EXISTS', k.ready, k.ordered, sub(k, 'turns')) > 0 or (limited and held_too_long(k)) then wake(k) end
  end
end

if behind then
  out[2] = now
else
  local later = redis.call('ZRANGEBYSCORE', K.due, '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  if later[2] then out[2] = math.ceil(tonumber(later[2])) end
end
return out
