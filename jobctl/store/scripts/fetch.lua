-- Reserves jobs for a worker: the most urgent priority first, and within one the oldest; each gets a token. Due jobs are
-- promoted as far as there is room for them. Jobs with limits are taken only if all their limits admit them.
-- INCLUDE: _due _budget _work _bodies _lines
-- INCLUDE-LATE: _limits _unique _ready _priorities
-- KEYS: token paused due
-- KEYS-EACH: ready bodies ordered priorities running records crashes lanes limited uniques expiring
-- ARGV: worker, want, then the queue names in the order in which they are to be asked
-- Returns: {now, next due time of any queue (ms, 0 if none; now if there was more to do than one call may), names of paused
--          job types, one a line, then for each job: queue index (from 0), id, token, body, record or '', facts}; facts is
--          the crashes, or 'CRASHES|expires (epoch ms or '')|LANE' for a job that has more than those
-- Cost: O(want + queues), and no more than one call may do (_work)

local SPARE = 16 -- due jobs that are promoted beyond those that there is room for
local worker, want = ARGV[1], tonumber(ARGV[2])
local now = time_ms()
local exact = time_exact()
local out = { now, 0, '' }
local left = want

-- An id that is not printable ASCII cannot be typed and may not be text at all: a stock message with such a one continues
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
local function facts_of(crashes, expires, buckets)
  crashes = crashes or '0'
  if not expires and not buckets then return crashes end
  return crashes .. '|' .. (expires or '') .. '|' .. (buckets or '')
end

-- Redis keeps a small hash as a list, in which each look is a walk; a value that is long makes it a table at once.
local function padded(reservation, jobs) return jobs > 32 and reservation .. string.rep(' ', 64) or reservation end

local function reserve(k, index, ids, bodies)
  if may_go_on() then spent = spent - RESERVED * #ids end
  local last = redis.call('INCRBY', K.token, #ids)
  local reservations = {}
  local records = redis.call('HMGET', k.records, unpack(ids))
  spend_bytes(records, READ)
  local crashes = redis.call('EXISTS', k.crashes) == 1 and redis.call('HMGET', k.crashes, unpack(ids)) or {}
  local beside = redis.call('EXISTS', k.lanes, k.expiring, k.uniques) > 0
  local lanes = beside and redis.call('HMGET', k.lanes, unpack(ids)) or {}
  local expires = beside and redis.call('ZMSCORE', k.expiring, unpack(ids)) or {}
  if beside then late().free_keys(k, ids, 'started') end
  local strange = string.find(table.concat(ids), '[^\33-\126]')
  local stamp = string.format('-%.0f', now) -- a count may be lost and given again
  local by = '|' .. worker .. '|0' -- `begin` says since when it runs
  for i, id in ipairs(ids) do
    local mine = string.format('%d', last - #ids + i) .. stamp
    if strange then id = readable(k, id, mine) end
    local n = #out
    reservations[2 * i - 1], reservations[2 * i] = id, mine .. by
    out[n + 1], out[n + 2], out[n + 3] = index, id, mine
    out[n + 4], out[n + 5], out[n + 6] = bodies[i] or '', records[i] or '', facts_of(crashes[i], expires[i], lanes[i])
  end
  reservations[2] = padded(reservations[2], #ids)
  redis.call('HSET', k.running, unpack(reservations))
  left = left - #ids
end

local function serve(k, index, queue, limited, ordered)
  if limited or ordered then
    late().serve_by_priority(k, queue, limited, left, exact, function(ids, bodies) reserve(k, index, ids, bodies) end)
    return
  end
  local ids, bodies = take_listed(k, left, {})
  if #ids > 0 then reserve(k, index, ids, bodies) end
end

-- Makes as many due jobs wait as there is room for, and a few more.
local function promote(k, queue)
  local each = redis.call('EXISTS', k.lanes) == 1 and 24 or redis.call('EXISTS', k.priorities) == 1 and 7 or 2
  late().promote_due(k, queue, now, can_do(math.min(left, 500) + SPARE, 2 * each))
end

local function serve_queue(k, index, queue, is_due)
  local ordered = redis.call('EXISTS', k.limited, k.ordered) > 0
  local limited = ordered and redis.call('EXISTS', k.limited) == 1
  if is_due or limited then redis.call('ZREM', k.limited, '') end -- at maxmemory the first write must not need memory
  if left > 0 and may_go_on() then
    if is_due then
      promote(k, queue)
      ordered = redis.call('EXISTS', k.limited, k.ordered) > 0
      limited = limited or (ordered and redis.call('EXISTS', k.limited) == 1)
    end
    serve(k, index, queue, limited, ordered)
  end
  local more = false
  if is_due or limited then
    local next_due = refresh_due(k, queue)
    more = next_due ~= nil and next_due <= exact
  end
  if more or redis.call('EXISTS', k.ready, k.ordered, sub(k, 'turns')) > 0 then wake(k) end
  return more
end

local names = {}
for i = 3, #ARGV do names[i - 2] = ARGV[i] end
local due = #names > 0 and redis.call('ZMSCORE', K.due, unpack(names)) or {}
local any_paused = redis.call('EXISTS', K.paused) == 1
local all_paused = any_paused and late().paused_until(K, '*', now)
if any_paused then
  local types = {}
  for _, name in ipairs(redis.call('HKEYS', K.paused)) do
    if string.sub(name, 1, 5) == 'type|' and late().paused_until(K, name, now) then types[#types + 1] = string.sub(name, 6) end
  end
  out[3] = table.concat(types, '\n')
end

local behind = false
for i, k in ipairs(Q) do
  if not (any_paused and (all_paused or late().paused_until(K, names[i], now))) then
    local more = serve_queue(k, i - 1, names[i], due[i] and tonumber(due[i]) <= now)
    behind = behind or more
  end
end

if behind or (left > 0 and not may_try_lanes()) then
  out[2] = now
else
  local later = redis.call('ZRANGEBYSCORE', K.due, '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  if later[2] then out[2] = math.ceil(tonumber(later[2])) end
end
return out
