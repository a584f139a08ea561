-- Cancels jobs that are not running at once; a running one is marked, and its worker told, if `running` allows it.
-- INCLUDE: _budget _take_out _archive _settle _due _stats _events
-- INCLUDE-LATE: _undo
-- KEYS: cancels control
-- ARGV: queue, operation ('' for none), running ('1' marks running jobs, '0' leaves them), event_maxlen, then for each job: id, event, mark (see _stats)
-- Returns: {how many jobs were gone through, for each of them the state it was in, or 'ended' if it is not live}
-- Cost: O(jobs), within the budget

local queue, operation, may_stop = ARGV[1], ARGV[2], ARGV[3] == '1'
local now = time_ms()
local out, events, ended, seen = { 0 }, {}, {}, {}

local function mark(id)
  redis.call('HDEL', K.cancels, id) -- first, since Redis at maxmemory refuses a script whose first write is an HSET
  redis.call('HSET', K.cancels, id, now)
  redis.call('PUBLISH', K.control, 'cancel ' .. queue .. ' ' .. id)
end

out[1] = each_slice(5, 3, function(from, to)
  local ids, were = {}, {}
  for at = from, to, 3 do
    local id = ARGV[at]
    local row, score
    if not seen[id] then row, score = take_out(K, queue, id) end
    out[#out + 1] = row and row.state or 'ended'
    if row and row.state == 'running' then
      if may_stop then mark(id) end
    elseif row then
      seen[id] = true
      ids[#ids + 1], ended[#ended + 1] = id, id
      were[#were + 1] = row.timed and string.format('%s|%s|%.0f', id, row.state, score) or id
      tell(events, at, 1)
      note_event('x', ARGV[at + 2])
    end
  end
  end_cancelled(K, ids, now)
  if operation ~= '' then late().keep_for_undo(K, operation, queue, were) end
end)
refresh_due(K, queue)
count_noted(K, now)
publish_events(K, events, ARGV[4])
announce(K, ARGV[1], ended)
return out
