-- Ends jobs that are past their time and do not run: dead letters with the reason.
-- INCLUDE: _live _take_out _archive _groups _settle _events
-- KEYS: expiring records
-- ARGV: queue, event_maxlen, then for each job: id, record, event, group, group info (JSON)
-- Returns: how many died
-- Cost: O(jobs)

local now = time_ms()
local events, dead = {}, {}
for i = 3, #ARGV, 5 do
  local id = ARGV[i]
  local at = tonumber(redis.call('ZSCORE', K.expiring, id))
  if at and at <= now and place_of(K, id).state ~= 'running' then
    redis.call('ZREM', K.expiring, id)
    if take_out(K, ARGV[1], id) then
      archive_body(K, id)
      redis.call('HSET', K.records, id, ARGV[i + 1])
      bury_in_group(K, id, ARGV[i + 3], ARGV[i + 4], now)
      dead[#dead + 1] = id
      events[#events + 1] = ARGV[i + 2]
    end
  end
end
over(K, dead, 'dead')
publish_events(K, events, ARGV[2])
announce(K, ARGV[1], dead)
return #dead
