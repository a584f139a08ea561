-- Making jobs wait, and taking them out of their line. Jobs with limits wait in their lane instead of the queue's line.
-- INCLUDE: _due
-- INCLUDE-LATE: _lanes _live
-- KEYS: ready ordered priorities lanes token

local pushed = {} -- the ids that were pushed last to the end of the list

-- Makes ids waiting, at the back of their line, or (front) at its head: the last one is first then, but among those that
-- have a priority and no limit. `places`, if given, says the place by sequence of those that have limits. O(#ids); at most
-- 1,000 ids.
local function push_ready(k, ids, front, places)
  if #ids == 0 then return end
  local plain, ordered = ids, false
  if redis.call('EXISTS', k.lanes, k.priorities) > 0 then
    local limited = redis.call('EXISTS', k.lanes) == 1
    plain = {}
    local lanes = limited and redis.call('HMGET', k.lanes, unpack(ids)) or {}
    local priorities = redis.call('HMGET', k.priorities, unpack(ids))
    for i, id in ipairs(ids) do
      local sequence = (lanes[i] or priorities[i]) and redis.call('INCR', k.token)
      if lanes[i] then
        late().park(k, id, lanes[i], tonumber(priorities[i] or '0'), places and places[id] or front and -sequence or sequence)
      elseif priorities[i] then
        redis.call('ZADD', k.ordered, tonumber(priorities[i]) * PRIORITY_STEP + (front and 0 or sequence), id)
        ordered = true
      else
        plain[#plain + 1] = id
      end
    end
  end
  if #plain > 0 then redis.call(front and 'LPUSH' or 'RPUSH', k.ready, unpack(plain)) end
  if not front then pushed = plain end
  if #plain > 0 or ordered then wake(k) end
end

-- Moves at most `limit` due jobs of a queue to ready. O(limit). Returns how many.
local function promote_due(k, queue, now, limit)
  local moved = 0
  for _, row in ipairs(late().TIMED) do
    local ids = redis.call('ZRANGEBYSCORE', k[row.key], '-inf', now, 'LIMIT', 0, limit)
    if #ids > 0 then
      redis.call('ZREM', k[row.key], unpack(ids))
      push_ready(k, ids, false)
      moved = moved + #ids
    end
  end
  refresh_due(k, queue)
  return moved
end
