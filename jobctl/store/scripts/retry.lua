-- Ends attempts that failed with retries left: the same job waits for its next attempt. A job that somebody
-- cancelled meanwhile is cancelled instead. A pause that the other side asked for slows the job's rate limits down.
-- INCLUDE: _limits _settle _archive _due _events
-- KEYS: records bodies retrying
-- ARGV: queue, event_maxlen, then for each job: id, token, delay_ms, record, event, body ('' leaves it),
--       pause_ms ('0' for none)
-- Returns: the indexes (from 0) of the attempts that are no longer current; nothing was changed for them
-- Cost: O(jobs)

local now = time_ms()
local events, ended = {}, {}
local late = each_current(K, ARGV[1], 3, 7, function(id, at, asked)
  redis.call('HSET', K.records, id, ARGV[at + 3])
  if ARGV[at + 5] ~= '' then redis.call('HSET', K.bodies, id, ARGV[at + 5]) end
  penalise_lane(K, id, tonumber(ARGV[at + 6]), now)
  if asked then
    cancel_now(K, id, now)
    ended[#ended + 1] = id
  else
    local due = now + tonumber(ARGV[at + 2])
    redis.call('ZADD', K.retrying, due, id)
    due_by(K, ARGV[1], due)
  end
  if ARGV[at + 4] ~= '' then events[#events + 1] = ARGV[at + 4] end
end)
over(K, ended, 'cancelled')
publish_events(K, events, ARGV[2])
announce(K, ARGV[1], ended)
return late
