-- Deleting ended jobs for good.
-- INCLUDE: _budget _attempts _alias _index
-- KEYS: archive records results crashes priorities lanes origins uniques known named logs

local REMEMBER_MS = 600000 -- an id is remembered this long after its job's end, so that a client's repeat is recognised
local BESIDE = { 'archive', 'records', 'results', 'crashes', 'priorities', 'lanes', 'origins' }
local TRIM = 700 -- what one call spends on it beside its other work
local FORGOTTEN = 7 -- what a job costs beside its attempts, which fitting_to_drop counts

-- Frees the keys that forgotten jobs still hold. A window stays.
local function forget_keys(k, ids)
  if redis.call('EXISTS', k.uniques) == 0 then return end
  for i, unique in ipairs(redis.call('HMGET', k.uniques, unpack(ids))) do
    if unique then
      local key = k.uniques .. ':' .. string.sub(unique, 5)
      if string.sub(unique, 1, 1) ~= 'w' and redis.call('GET', key) == ids[i] then redis.call('DEL', key) end
    end
  end
  redis.call('HDEL', k.uniques, unpack(ids))
end

-- Of jobs that are forgotten, remembers the ids that may be enqueued again: for ten minutes from their end, and one that a
-- producer chose for `keep_ms` if that is longer, whatever became of its job. O(#ids).
local function keep_ids(k, row, ids, scores, now, keep_ms)
  local known, dropped = {}, {}
  local named = redis.call('EXISTS', k.named) == 1 and redis.call('SMISMEMBER', k.named, unpack(ids)) or {}
  for i, id in ipairs(ids) do
    local till = row.at_end and scores[i] + REMEMBER_MS or 0
    if named[i] == 1 then
      dropped[#dropped + 1] = id
      till = math.max(till, scores[i] + keep_ms)
    end
    if till > now then known[#known + 1], known[#known + 2] = till, id end
  end
  if #dropped > 0 then redis.call('SREM', k.named, unpack(dropped)) end
  if #known > 0 then redis.call('ZADD', k.known, unpack(known)) end
end

-- Forgets ended jobs of one state wholly, but for their ids: see `keep_ids`. A log's key is computed here: logs .. id.
-- O(#ids); at most 2,000 ids.
local function forget(k, row, ids, scores, now, keep_ms)
  if #ids == 0 then return end
  redis.call('ZREM', k[row.key], unpack(ids))
  for _, name in ipairs(BESIDE) do
    if redis.call('EXISTS', k[name]) == 1 then redis.call('HDEL', k[name], unpack(ids)) end
  end
  drop_attempts(k, ids)
  forget_keys(k, ids)
  forget_names(k, ids)
  forget_values(k, ids)
  keep_ids(k, row, ids, scores, now, keep_ms)
  local logs = {}
  for i, id in ipairs(ids) do logs[i] = k.logs .. id end
  redis.call('UNLINK', unpack(logs))
end

-- Forgets slices of what a state's set holds first, for as long as the budget lasts: in all `limit` jobs at most, and only
-- those that ended (or expire) before `moment`, or that are more than `count`. Returns how many, and whether there is more.
local function forget_first(k, row, moment, count, limit, now, keep_ms)
  local affordable_here, gone = budget_of(TRIM, FORGOTTEN), 0
  while true do
    local want = affordable_here(gone, limit - gone)
    if want == 0 then return gone, true end
    local rows = redis.call('ZRANGEBYSCORE', k[row.key], '-inf', moment, 'WITHSCORES', 'LIMIT', 0, want)
    if #rows == 0 then
      local over = math.min(redis.call('ZCARD', k[row.key]) - count, want)
      if over <= 0 then return gone, false end
      rows = redis.call('ZRANGE', k[row.key], 0, over - 1, 'WITHSCORES')
    end
    local ids, scores = {}, {}
    for i = 1, #rows, 2 do ids[#ids + 1], scores[#scores + 1] = rows[i], rows[i + 1] end
    local fit = fitting_to_drop(k, ids)
    for i = fit + 1, #ids do ids[i], scores[i] = nil, nil end
    forget(k, row, ids, scores, now, keep_ms)
    gone = gone + #ids
  end
end

-- Ids that need not be remembered any more are not; at most `limit`. Returns whether there are more.
local function forget_known(k, limit, now)
  local past = redis.call('ZRANGEBYSCORE', k.known, '-inf', now, 'LIMIT', 0, limit)
  if #past > 0 then redis.call('ZREM', k.known, unpack(past)) end
  return #past == limit
end
