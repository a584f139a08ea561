-- Shared by every script. K holds the keys named in the script's KEYS line.

local REMEMBER_MS = 600000 -- a finished id is remembered at least this long, so that a client's repeat is recognised
local MINTED_LENGTH = 20 -- ids of jobctl have this length; stock messages have a UUID
local PRIORITY_STEP = 4398046511104 -- 2^42: priority * step + sequence orders by priority, then by age

local function time_ms()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

-- One token in the wake list is enough: whoever takes it and leaves jobs behind puts it back.
local function wake(k)
  if redis.call('EXISTS', k.wake) == 0 then redis.call('RPUSH', k.wake, '1') end
end

-- Entries of the list that belonged to no waiting job were taken out. Entries that stock clients pushed twice are not
-- counted, so the count may be lower; fetch sets it right when it finds the list empty.
local function uncount(k, skipped)
  local stale = tonumber(redis.call('GET', k.stale) or '0')
  if skipped >= stale then redis.call('DEL', k.stale) else redis.call('DECRBY', k.stale, skipped) end
end

-- Sets the queue's entry in the index of due times to the earliest of its delayed and retrying jobs, and of the times
-- at which its limits are looked at again.
local function refresh_due(k, queue)
  local first
  for _, zset in ipairs({ k.delayed, k.retrying, k.limits .. ':holds' }) do
    local at = tonumber(redis.call('ZRANGE', zset, 0, 0, 'WITHSCORES')[2])
    if at and (not first or at < first) then first = at end
  end
  if first then
    redis.call('ZADD', k.due, first, queue)
  else
    redis.call('ZREM', k.due, queue)
  end
end

-- A due time earlier than all others of its queue wakes a worker, so that it sleeps no longer than until then.
local function due_by(k, queue, at)
  local before = tonumber(redis.call('ZSCORE', k.due, queue) or nil)
  if not before or at < before then
    redis.call('ZADD', k.due, at, queue)
    wake(k)
  end
end

-- True if the reservation of `id` still carries `token`: the caller's attempt is the current one.
local function holds(k, id, token)
  local reservation = redis.call('HGET', k.running, id)
  return reservation and string.sub(reservation, 1, #token + 1) == token .. '|'
end

local progress_seen -- whether any job of the queue tells its progress; most queues have none

-- Takes a job out of `running`. Its first write is an HDEL, which Redis allows at maxmemory. Returns true if somebody
-- asked that the job stops.
local function release(k, id)
  redis.call('HDEL', k.running, id)
  if progress_seen == nil then progress_seen = redis.call('EXISTS', k.progress) == 1 end
  if progress_seen then redis.call('HDEL', k.progress, id) end
  return redis.call('HDEL', k.cancels, id) == 1
end

-- Moves a live body to the archive, where the bodies of all ended jobs lie.
local function archive_body(k, id)
  local body = redis.call('HGET', k.bodies, id)
  redis.call('HDEL', k.bodies, id)
  redis.call('HSET', k.archive, id, body or '')
end

-- A job is cancelled now.
local function cancel_now(k, id, now)
  archive_body(k, id)
  redis.call('ZADD', k.cancelled, now, id)
end

-- Forgets an ended job wholly, but for its log, which the caller deletes, and its id if that is still young. A key that
-- it still holds is free.
local function forget(k, zset, id, score, now)
  redis.call('ZREM', zset, id)
  redis.call('HDEL', k.archive, id)
  for _, hash in ipairs({ k.records, k.crashes, k.priorities, k.lanes }) do redis.call('HDEL', hash, id) end
  local unique = redis.call('HGET', k.uniques, id)
  if unique then
    local key = k.uniques .. ':' .. string.sub(unique, 5)
    if string.sub(unique, 1, 1) ~= 'w' and redis.call('GET', key) == id then redis.call('DEL', key) end
    redis.call('HDEL', k.uniques, id)
  end
  if tonumber(score) > now - REMEMBER_MS then redis.call('ZADD', k.remembered, score, id) end
end

-- Deletes the logs of jobs. A log's key is computed here: logs .. id. O(#ids); at most 2,000 ids.
local function drop_logs(k, ids)
  if #ids == 0 then return end
  local logs = {}
  for i, id in ipairs(ids) do logs[i] = k.logs .. id end
  redis.call('DEL', unpack(logs))
end

-- Trims a set of ended jobs by age and by count, at most `budget` of each. O(budget).
local function trim(k, zset, now, keep_ms, keep_count, budget)
  local old = redis.call('ZRANGEBYSCORE', zset, '-inf', now - keep_ms, 'WITHSCORES', 'LIMIT', 0, budget)
  local gone = {}
  for i = 1, #old, 2 do
    forget(k, zset, old[i], old[i + 1], now)
    gone[#gone + 1] = old[i]
  end
  local over = math.min(redis.call('ZCARD', zset) - keep_count, budget)
  if over > 0 then
    local first = redis.call('ZRANGE', zset, 0, over - 1, 'WITHSCORES')
    for i = 1, #first, 2 do
      forget(k, zset, first[i], first[i + 1], now)
      gone[#gone + 1] = first[i]
    end
  end
  drop_logs(k, gone)
  local past = redis.call('ZRANGEBYSCORE', k.remembered, '-inf', now - REMEMBER_MS, 'LIMIT', 0, budget)
  if #past > 0 then redis.call('ZREM', k.remembered, unpack(past)) end
end

-- One stream entry a batch of events, each a JSON object on a line of its own.
local function publish_events(k, events, maxlen)
  if #events > 0 then
    redis.call('XADD', k.events, 'MAXLEN', '~', maxlen, '*', 'e', table.concat(events, '\n'))
  end
end

local function announce(k, ids)
  if #ids > 0 then redis.call('PUBLISH', k.finished, table.concat(ids, ' ')) end
end
