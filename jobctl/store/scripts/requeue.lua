-- Gives reservations back to the head of their line: on drain, or for a worker that died (then with the lost attempt
-- in the record and a crash counted). A job that somebody cancelled meanwhile is cancelled instead.
-- KEYS: running ready bodies ordered priorities wake cancels crashes records archive cancelled token events finished progress
-- ARGV: event_maxlen, then for each job: id, token, record ('' leaves it), crash (0 | 1), event ('' for none)
-- Returns: the indexes (from 0) of the reservations that are no longer current; nothing was changed for them
-- Cost: O(jobs)

local maxlen = ARGV[1]
local now = time_ms()
local late, events, back, ended = {}, {}, {}, {}
for i = 2, #ARGV, 5 do
  local id, token = ARGV[i], ARGV[i + 1]
  if holds(K, id, token) then
    local cancelled = redis.call('HEXISTS', K.cancels, id) == 1
    release(K, id)
    if ARGV[i + 2] ~= '' then redis.call('HSET', K.records, id, ARGV[i + 2]) end
    if ARGV[i + 3] == '1' then redis.call('HINCRBY', K.crashes, id, 1) end
    if cancelled then
      archive_body(K, id)
      redis.call('ZADD', K.cancelled, now, id)
      ended[#ended + 1] = id
    else
      back[#back + 1] = id
    end
    if ARGV[i + 4] ~= '' then events[#events + 1] = ARGV[i + 4] end
  else
    late[#late + 1] = (i - 2) / 5
  end
end
push_ready(K, back, true)
publish_events(K, events, maxlen)
announce(K, ended)
return late
