-- Deleting ended jobs for good.
-- INCLUDE: _budget _attempts
-- KEYS: archive records results crashes priorities lanes origins uniques remembered logs

local REMEMBER_MS = 600000 -- a finished id is remembered at least this long, so that a client's repeat is recognised
local BESIDE = { 'archive', 'records', 'results', 'crashes', 'priorities', 'lanes', 'origins' }
local TRIM = 700 -- what one call spends on it beside its other work

-- Keys that forgotten jobs still hold are free. A window goes on.
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

-- Forgets ended jobs of one state wholly, but for their ids, if these are still young. A log's key is computed here:
-- logs .. id. O(#ids); at most 2,000 ids.
local function forget(k, row, ids, scores, now)
  if #ids == 0 then return end
  redis.call('ZREM', k[row.key], unpack(ids))
  for _, name in ipairs(BESIDE) do
    if redis.call('EXISTS', k[name]) == 1 then redis.call('HDEL', k[name], unpack(ids)) end
  end
  drop_attempts(k, ids)
  forget_keys(k, ids)
  local logs, young = {}, {}
  for i, id in ipairs(ids) do
    logs[i] = k.logs .. id
    if row.kept and tonumber(scores[i]) > now - REMEMBER_MS then
      young[#young + 1], young[#young + 2] = scores[i], id
    end
  end
  redis.call('UNLINK', unpack(logs))
  if #young > 0 then redis.call('ZADD', k.remembered, unpack(young)) end
end

-- Forgets slices of what a state's set holds first, for as long as the budget lasts: in all `limit` jobs at most, and only
-- those that ended (or expire) before `moment`, or that are more than `count`. Returns how many, and whether there is more.
local function forget_first(k, row, moment, count, limit, now)
  local affordable_here, gone = budget_of(TRIM), 0
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
    forget(k, row, ids, scores, now)
    gone = gone + #ids
  end
end

-- Ids that need not be remembered any more are not; at most `limit`. Returns whether there are more.
local function forget_remembered(k, limit, now)
  local past = redis.call('ZRANGEBYSCORE', k.remembered, '-inf', now - REMEMBER_MS, 'LIMIT', 0, limit)
  if #past > 0 then redis.call('ZREM', k.remembered, unpack(past)) end
  return #past == limit
end
