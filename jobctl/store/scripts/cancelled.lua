-- Ends attempts that stopped because their job was cancelled.
-- INCLUDE: _settle _archive _events
-- KEYS: records
-- ARGV: queue, event_maxlen, then for each job: id, token, record, event
-- Returns: the indexes (from 0) of the attempts that are no longer current; nothing was changed for them
-- Cost: O(jobs)

local now = time_ms()
local events, ended = {}, {}
local late = each_current(K, ARGV[1], 3, 4, function(id, at)
  redis.call('HSET', K.records, id, ARGV[at + 2])
  cancel_now(K, id, now)
  ended[#ended + 1] = id
  if ARGV[at + 3] ~= '' then events[#events + 1] = ARGV[at + 3] end
end)
over(K, ended, 'cancelled')
publish_events(K, events, ARGV[2])
announce(K, ARGV[1], ended)
return late
