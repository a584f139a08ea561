-- Ending attempts: what complete, retry, bury, cancelled and requeue have in common.
-- INCLUDE: _token _lanes _unique
-- KEYS: running cancels progress uniques expiring

local progress_seen -- whether any job of the queue tells its progress; most queues have none

-- Takes a job out of `running`. Its first write is an HDEL, which Redis allows at maxmemory. Returns true if somebody
-- asked that the job stops.
local function release(k, id)
  redis.call('HDEL', k.running, id)
  if progress_seen == nil then progress_seen = redis.call('EXISTS', k.progress) == 1 end
  if progress_seen then redis.call('HDEL', k.progress, id) end
  return redis.call('HDEL', k.cancels, id) == 1
end

-- Calls finish(id, at, asked) for each job from ARGV[first] on, `width` arguments each, whose token is the current one.
-- It runs no more then, and the slots of its lane are free (finish may change the lane); `asked` says that somebody
-- cancelled it. Returns the indexes (from 0) of the others.
local function each_current(k, queue, first, width, finish)
  local late, current, ids = {}, {}, {}
  for at = first, #ARGV, width do
    local id = ARGV[at]
    if holds(k, id, ARGV[at + 1]) then
      ids[#ids + 1] = id
      current[#current + 1] = { at, release(k, id) }
    else
      late[#late + 1] = (at - first) / width
    end
  end
  free_slots(k, queue, ids)
  for i, id in ipairs(ids) do finish(id, current[i][1], current[i][2]) end
  return late
end

-- Jobs have ended as `event` says (completed, dead, cancelled): they hold no unique key and never expire. O(#ids).
local function over(k, ids, event)
  if #ids == 0 or redis.call('EXISTS', k.uniques, k.expiring) == 0 then return end
  free_keys(k, ids, event)
  redis.call('ZREM', k.expiring, unpack(ids))
end
