-- Cancels jobs that are not running at once; a running one is marked, and its worker told, if `running` allows it.
-- INCLUDE: _take_out _archive _settle _events
-- KEYS: cancels control
-- ARGV: queue, running ('1' marks running jobs, '0' leaves them), event_maxlen, then for each job: id, event
-- Returns: for each job the state it was in, or 'ended' if it is not live
-- Cost: O(jobs)

local queue, may_stop, maxlen = ARGV[1], ARGV[2] == '1', ARGV[3]
local now = time_ms()
local states, events, ended = {}, {}, {}
for i = 4, #ARGV, 2 do
  local id = ARGV[i]
  local row = take_out(K, queue, id)
  states[#states + 1] = row and row.state or 'ended'
  if row and row.state == 'running' then
    if may_stop then
      redis.call('HDEL', K.cancels, id) -- first, since Redis at maxmemory refuses a script whose first write is an HSET
      redis.call('HSET', K.cancels, id, now)
      redis.call('PUBLISH', K.control, 'cancel ' .. queue .. ' ' .. id)
    end
  elseif row then
    cancel_now(K, id, now)
    ended[#ended + 1] = id
    if ARGV[i + 1] ~= '' then events[#events + 1] = ARGV[i + 1] end
  end
end
over(K, ended, 'cancelled')
publish_events(K, events, maxlen)
announce(K, queue, ended)
return states
