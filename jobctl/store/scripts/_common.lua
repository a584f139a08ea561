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

-- Makes ids waiting, at the back of their line or (front) at its head. O(#ids); at most 1,000 ids.
local function push_ready(k, ids, front)
  if #ids == 0 then return end
  local plain = ids
  if redis.call('EXISTS', k.priorities) == 1 then
    plain = {}
    local priorities = redis.call('HMGET', k.priorities, unpack(ids))
    for i, id in ipairs(ids) do
      if priorities[i] then
        local sequence = front and 0 or redis.call('INCR', k.token)
        redis.call('ZADD', k.ordered, tonumber(priorities[i]) * PRIORITY_STEP + sequence, id)
      else
        plain[#plain + 1] = id
      end
    end
  end
  if #plain > 0 then
    if front then
      local backwards = {}
      for i = #plain, 1, -1 do backwards[#backwards + 1] = plain[i] end
      redis.call('LPUSH', k.ready, unpack(backwards))
    else
      redis.call('RPUSH', k.ready, unpack(plain))
    end
  end
  wake(k)
end

-- Sets the queue's entry in the index of due times to the earliest of its delayed and retrying jobs.
local function refresh_due(k, queue)
  local a = redis.call('ZRANGE', k.delayed, 0, 0, 'WITHSCORES')[2]
  local b = redis.call('ZRANGE', k.retrying, 0, 0, 'WITHSCORES')[2]
  a, b = tonumber(a), tonumber(b)
  local first = a and b and math.min(a, b) or a or b
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

-- Moves at most `limit` due jobs of a queue to ready. O(limit). Returns how many.
local function promote_due(k, queue, now, limit)
  local moved = 0
  for _, zset in ipairs({ k.retrying, k.delayed }) do
    local ids = redis.call('ZRANGEBYSCORE', zset, '-inf', now, 'LIMIT', 0, limit)
    if #ids > 0 then
      redis.call('ZREM', zset, unpack(ids))
      push_ready(k, ids, false)
      moved = moved + #ids
    end
  end
  refresh_due(k, queue)
  return moved
end

-- True if the reservation of `id` still carries `token`: the caller's attempt is the current one.
local function holds(k, id, token)
  local reservation = redis.call('HGET', k.running, id)
  return reservation and string.sub(reservation, 1, #token + 1) == token .. '|'
end

local progress_seen -- whether any job of the queue tells its progress; most queues have none

-- Takes a job out of `running`. Its first write is an HDEL, which Redis allows at maxmemory.
local function release(k, id)
  redis.call('HDEL', k.running, id)
  redis.call('HDEL', k.cancels, id)
  if progress_seen == nil then progress_seen = redis.call('EXISTS', k.progress) == 1 end
  if progress_seen then redis.call('HDEL', k.progress, id) end
end

-- Moves a live body to the archive, where the bodies of all ended jobs lie.
local function archive_body(k, id)
  local body = redis.call('HGET', k.bodies, id)
  redis.call('HDEL', k.bodies, id)
  redis.call('HSET', k.archive, id, body or '')
end

-- Forgets an ended job wholly, but for its log, which the caller deletes, and its id if that is still young.
local function forget(k, zset, id, score, now)
  redis.call('ZREM', zset, id)
  redis.call('HDEL', k.archive, id)
  redis.call('HDEL', k.records, id)
  redis.call('HDEL', k.crashes, id)
  redis.call('HDEL', k.priorities, id)
  if tonumber(score) > now - REMEMBER_MS then redis.call('ZADD', k.remembered, score, id) end
end

-- Deletes the logs of jobs. A log's key is the second of the two computed here: logs .. id. O(#ids); at most 2,000 ids.
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

-- Adds a dead letter to its group's index. The group's key is computed here: groups .. ':' .. group.
local function bury_in_group(k, id, group, info, score)
  redis.call('ZADD', k.dead, score, id)
  redis.call('ZADD', k.groups .. ':' .. group, score, id)
  redis.call('HSETNX', k.groups, group, info)
end

-- Takes a dead letter out of its group; an empty group disappears. Returns true if it was dead in that group: it may
-- have been retried since the caller looked, and be dead again for another reason.
local function unbury(k, id, group)
  local members = k.groups .. ':' .. group
  if redis.call('ZREM', members, id) == 0 then return false end
  redis.call('ZREM', k.dead, id)
  if redis.call('EXISTS', members) == 0 then redis.call('HDEL', k.groups, group) end
  return true
end

-- As unbury, for many dead letters of one group; in_row says that they stand in a row in its index. O(#ids).
local function unbury_all(k, ids, group, in_row)
  local members = k.groups .. ':' .. group
  redis.call('ZREM', k.dead, unpack(ids))
  if in_row then
    local first = redis.call('ZRANK', members, ids[1])
    redis.call('ZREMRANGEBYRANK', members, first, first + #ids - 1)
  else
    redis.call('ZREM', members, unpack(ids))
  end
  if redis.call('EXISTS', members) == 0 then redis.call('HDEL', k.groups, group) end
end

-- A stock message that runs again says so in its timestamp, by which stock workers judge its age. The timestamp is the
-- last field of every body, so the tail is rewritten as text; a body of another shape stays as it is.
local function renewed(id, body, now)
  if #id == MINTED_LENGTH then return body end
  local at = string.find(string.sub(body, -50), '"message_timestamp": ?%d+}$')
  if not at then return body end
  return string.sub(body, 1, math.max(0, #body - 50) + at - 1) .. string.format('"message_timestamp":%.0f}', now)
end

-- Nobody would ever delete the records of jobs that only stock workers run. O(#ids).
local function drop_records_of_stock(k, queue, ids)
  if #ids > 0 and redis.call('SISMEMBER', k.queues, queue) == 0 then redis.call('HDEL', k.records, unpack(ids)) end
end

-- An archived body becomes live again.
local function revive_body(k, id)
  local body = redis.call('HGET', k.archive, id)
  if not body then return false end
  redis.call('HSET', k.bodies, id, renewed(id, body, time_ms()))
  redis.call('HDEL', k.archive, id)
  redis.call('HDEL', k.crashes, id)
  return true
end

-- Takes a job that is not running out of its line. Returns the state it was in, or nil.
local function withdraw(k, queue, id)
  if redis.call('HEXISTS', k.bodies, id) == 0 then return nil end
  if redis.call('HEXISTS', k.running, id) == 1 then return 'running' end
  if redis.call('ZREM', k.delayed, id) == 1 then
    refresh_due(k, queue)
    return 'delayed'
  end
  if redis.call('ZREM', k.retrying, id) == 1 then
    refresh_due(k, queue)
    return 'retrying'
  end
  -- Waiting. In the ordered set it is taken out; in the list its entry stays behind and is counted as stale.
  if redis.call('ZREM', k.ordered, id) == 0 then redis.call('INCR', k.stale) end
  return 'waiting'
end
