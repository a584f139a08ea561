-- Ends attempts that failed for good: the job is a dead letter, with its reason and all its attempts in the record. A job
-- that somebody cancelled meanwhile is cancelled instead.
-- INCLUDE: _settle _archive _groups _events
-- KEYS: records
-- ARGV: queue, event_maxlen, then for each job: id, token, record, event, group, group info (JSON)
-- Returns: the indexes (from 0) of the attempts that are no longer current; nothing was changed for them
-- Cost: O(jobs)

local now = time_ms()
local events, dead, cancelled = {}, {}, {}
local late = each_current(K, ARGV[1], 3, 6, function(id, at, asked)
  redis.call('HSET', K.records, id, ARGV[at + 2])
  if asked then
    cancel_now(K, id, now)
    cancelled[#cancelled + 1] = id
    return
  end
  archive_body(K, id)
  bury_in_group(K, id, ARGV[at + 4], ARGV[at + 5], now)
  dead[#dead + 1] = id
  if ARGV[at + 3] ~= '' then events[#events + 1] = ARGV[at + 3] end
end)
over(K, dead, 'dead')
over(K, cancelled, 'cancelled')
publish_events(K, events, ARGV[2])
announce(K, ARGV[1], dead)
announce(K, ARGV[1], cancelled)
return late
