-- Making jobs wait, and taking them out of their line. Jobs with limits wait in their lane instead of the queue's line.

-- Makes ids waiting, at the back of their line or (front) at its head. O(#ids); at most 1,000 ids.
local function push_ready(k, ids, front)
  if #ids == 0 then return end
  local plain, ordered = ids, false
  local limited = redis.call('EXISTS', k.lanes) == 1
  if limited or redis.call('EXISTS', k.priorities) == 1 then
    plain = {}
    local lanes = limited and redis.call('HMGET', k.lanes, unpack(ids)) or {}
    local priorities = redis.call('HMGET', k.priorities, unpack(ids))
    for i, id in ipairs(ids) do
      local sequence = front and 0 or (lanes[i] or priorities[i]) and redis.call('INCR', k.token)
      if lanes[i] then
        park(k, id, lanes[i], tonumber(priorities[i] or '0'), sequence)
      elseif priorities[i] then
        redis.call('ZADD', k.ordered, tonumber(priorities[i]) * PRIORITY_STEP + sequence, id)
        ordered = true
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
  if #plain > 0 or ordered then wake(k) end
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

-- Takes a job that is not running out of its line. Returns the state it was in, or nil; then its place there, if that
-- is by priority (a score).
local function withdraw(k, queue, id)
  if redis.call('HEXISTS', k.bodies, id) == 0 then return nil end
  if redis.call('HEXISTS', k.running, id) == 1 then return 'running' end
  for _, state in ipairs({ 'delayed', 'retrying' }) do
    if redis.call('ZREM', k[state], id) == 1 then
      refresh_due(k, queue)
      return state
    end
  end
  local score = unpark(k, queue, id)
  if score then return 'limited', score end
  -- Waiting. In the ordered set it is taken out; in the list its entry stays behind and is counted as stale.
  score = redis.call('ZSCORE', k.ordered, id)
  if score then redis.call('ZREM', k.ordered, id) else redis.call('INCR', k.stale) end
  return 'waiting', tonumber(score)
end
