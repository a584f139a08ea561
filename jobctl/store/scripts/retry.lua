-- Ends attempts that failed with retries left: the same job waits for its next attempt. A job that somebody
-- cancelled meanwhile is cancelled instead.
-- KEYS: running bodies cancels records archive cancelled retrying delayed due wake events finished progress
-- ARGV: queue, event_maxlen, then for each job: id, token, delay_ms, record, event, body ('' leaves it)
-- Returns: the indexes (from 0) of the attempts that are no longer current; nothing was changed for them
-- Cost: O(jobs)

local queue, maxlen = ARGV[1], ARGV[2]
local now = time_ms()
local late, events, ended = {}, {}, {}
for i = 3, #ARGV, 6 do
  local id, token = ARGV[i], ARGV[i + 1]
  if holds(K, id, token) then
    local cancelled = redis.call('HEXISTS', K.cancels, id) == 1
    release(K, id)
    redis.call('HSET', K.records, id, ARGV[i + 3])
    if ARGV[i + 5] ~= '' then redis.call('HSET', K.bodies, id, ARGV[i + 5]) end
    if cancelled then
      archive_body(K, id)
      redis.call('ZADD', K.cancelled, now, id)
      ended[#ended + 1] = id
    else
      local at = now + tonumber(ARGV[i + 2])
      redis.call('ZADD', K.retrying, at, id)
      due_by(K, queue, at)
    end
    if ARGV[i + 4] ~= '' then events[#events + 1] = ARGV[i + 4] end
  else
    late[#late + 1] = (i - 3) / 6
  end
end
publish_events(K, events, maxlen)
announce(K, ended)
return late
