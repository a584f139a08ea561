-- Ends jobs that are past their time and do not run: dead letters with the reason.
-- INCLUDE: _budget _live _take_out _archive _groups _settle _due _stats _events
-- KEYS: expiring dead
-- ARGV: queue, event_maxlen, then for each job: id, record, event, group, group info (JSON), mark (see _stats)
-- Returns: {how many jobs were gone through, how many of them died}
-- Cost: O(jobs), within the budget

local now = time_ms()
local events, ended = {}, {}

-- Whether a job is past its time and was taken out of its place.
local function is_over(id)
  local at = tonumber(redis.call('ZSCORE', K.expiring, id) or nil)
  if not at or at > now or place_of(K, id).state == 'running' then return false end
  redis.call('ZREM', K.expiring, id)
  return take_out(K, ARGV[1], id) ~= nil
end

local done = each_slice(3, 6, function(from, to)
  local ids, places = {}, {}
  for at = from, to, 6 do
    if is_over(ARGV[at]) then
      ids[#ids + 1], places[#places + 1], ended[#ended + 1] = ARGV[at], at, ARGV[at]
      join_group(K, ARGV[at], ARGV[at + 3], ARGV[at + 4], now)
      tell(events, at, 2)
      note_event('d', ARGV[at + 5])
    end
  end
  write_records(K, ids, places, 1)
  end_jobs(K, ids, K.dead, now, 'dead')
end)
refresh_due(K, ARGV[1])
count_noted(K, now)
publish_events(K, events, ARGV[2])
announce(K, ARGV[1], ended)
return { done, #ended }
