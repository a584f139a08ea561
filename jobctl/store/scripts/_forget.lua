-- Deleting ended jobs for good.
-- KEYS: archive records crashes priorities lanes emptied_due uniques remembered logs

local REMEMBER_MS = 600000 -- a finished id is remembered at least this long, so that a client's repeat is recognised
local BESIDE = { 'archive', 'records', 'crashes', 'priorities', 'lanes', 'emptied_due' }

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
  forget_keys(k, ids)
  local logs, young = {}, {}
  for i, id in ipairs(ids) do
    logs[i] = k.logs .. id
    if row.kept and tonumber(scores[i]) > now - REMEMBER_MS then
      young[#young + 1], young[#young + 2] = scores[i], id
    end
  end
  redis.call('DEL', unpack(logs))
  if #young > 0 then redis.call('ZADD', k.remembered, unpack(young)) end
end

-- Forgets what a range of a state's set holds; `rows` are its ids with their scores. Returns how many. O(#rows).
local function forget_rows(k, row, rows, now)
  local ids, scores = {}, {}
  for i = 1, #rows, 2 do ids[#ids + 1], scores[#scores + 1] = rows[i], rows[i + 1] end
  forget(k, row, ids, scores, now)
  return #ids
end

-- Trims a state that is kept by age and by count, at most `budget` of each. O(budget).
local function trim(k, row, now, keep_ms, keep_count, budget)
  local zset = k[row.key]
  local old = redis.call('ZRANGEBYSCORE', zset, '-inf', now - keep_ms, 'WITHSCORES', 'LIMIT', 0, budget)
  local gone = forget_rows(k, row, old, now)
  local over = math.min(redis.call('ZCARD', zset) - keep_count, budget)
  if over > 0 then gone = gone + forget_rows(k, row, redis.call('ZRANGE', zset, 0, over - 1, 'WITHSCORES'), now) end
  local past = redis.call('ZRANGEBYSCORE', k.remembered, '-inf', now - REMEMBER_MS, 'LIMIT', 0, budget)
  if #past > 0 then redis.call('ZREM', k.remembered, unpack(past)) end
  return gone
end
