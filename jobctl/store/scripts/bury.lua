-- Ends attempts that failed for good: the job is a dead letter, with its reason and all its attempts in the record.
-- KEYS: running bodies cancels records archive dead groups crashes events finished progress
-- ARGV: event_maxlen, then for each job: id, token, record, event, group, group info (JSON)
-- Returns: the indexes (from 0) of the attempts that are no longer current; nothing was changed for them
-- Cost: O(jobs)

local maxlen = ARGV[1]
local now = time_ms()
local late, events, ended = {}, {}, {}
for i = 2, #ARGV, 6 do
  local id, token = ARGV[i], ARGV[i + 1]
  if holds(K, id, token) then
    release(K, id)
    archive_body(K, id)
    redis.call('HSET', K.records, id, ARGV[i + 2])
    bury_in_group(K, id, ARGV[i + 4], ARGV[i + 5], now)
    ended[#ended + 1] = id
    if ARGV[i + 3] ~= '' then events[#events + 1] = ARGV[i + 3] end
  else
    late[#late + 1] = (i - 2) / 6
  end
end
publish_events(K, events, maxlen)
announce(K, ended)
return late
