-- Ends attempts that stopped because their job was cancelled.
-- KEYS: running bodies cancels records archive cancelled events finished progress
-- ARGV: event_maxlen, then for each job: id, token, record, event
-- Returns: the indexes (from 0) of the attempts that are no longer current; nothing was changed for them
-- Cost: O(jobs)

local maxlen = ARGV[1]
local now = time_ms()
local late, events, ended = {}, {}, {}
for i = 2, #ARGV, 4 do
  local id, token = ARGV[i], ARGV[i + 1]
  if holds(K, id, token) then
    release(K, id)
    archive_body(K, id)
    redis.call('HSET', K.records, id, ARGV[i + 2])
    redis.call('ZADD', K.cancelled, now, id)
    ended[#ended + 1] = id
    if ARGV[i + 3] ~= '' then events[#events + 1] = ARGV[i + 3] end
  else
    late[#late + 1] = (i - 2) / 4
  end
end
publish_events(K, events, maxlen)
announce(K, ended)
return late
