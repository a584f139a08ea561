-- Ends attempts that failed with retries left: the same job waits for its next attempt. A job that someone
-- cancelled meanwhile is cancelled instead. A pause that the other side asked for slows the job's rate limits down. The rates
-- of one that did not start are as if it had not been fetched.
-- INCLUDE: _settle _archive _limits _unbegun _attempts _due _stats _events
-- INCLUDE-LATE: _index
-- KEYS: bodies retrying index
-- ARGV: queue, event_maxlen, then for each job: id, token, delay_ms, record, event, body ('' leaves it),
--       pause_ms ('0' for none), attempt ('' if there was none), its traceback, began (0 if it did not start, else 1),
--       mark (see _stats)
-- Returns: {how many jobs were gone through, the indexes (from 0) of the attempts that are no longer current}; nothing
--          was changed for these
-- Cost: O(jobs), within the budget

local now = time_ms()
local events, ended = {}, {}
local done = each_current(K, ARGV[1], 3, 11, function(ids, at, asked, begun)
  write_records(K, ids, at, 3)
  add_attempts(K, ids, at, 7, true)
  note_unbegun(K, ids, at, 9)
  local cancelled, anew, first = {}, {}, nil
  for i, id in ipairs(ids) do
    local body = ARGV[at[i] + 5]
    if body ~= '' then
      redis.call('HSET', K.bodies, id, body)
      anew[#anew + 1] = id -- its payload may have other values now
    end
    penalise_lane(K, id, tonumber(ARGV[at[i] + 6]), now)
    if asked[i] then
      cancelled[#cancelled + 1], ended[#ended + 1] = id, id
    else
      local due = now + tonumber(ARGV[at[i] + 2])
      redis.call('ZADD', K.retrying, due, id)
      if not first or due < first then first = due end
    end
    local ran = ARGV[at[i] + 7] ~= '' and (begun[id] and 'f' or 'sf') or ''
    if ran ~= '' or asked[i] then note_event(ran .. (asked[i] and 'x' or 'r'), ARGV[at[i] + 10]) end
    tell(events, at[i], 4, asked[i])
  end
  if first then due_by(K, ARGV[1], first) end
  if redis.call('EXISTS', K.index) == 1 then
    late().forget_taken(K, ids)
    late().leave_out(K, anew)
  end
  end_cancelled(K, cancelled, now)
end, fitting_to_add)
refund_unbegun(K, ARGV[1], now)
count_noted(K, now)
publish_events(K, events, ARGV[2])
announce(K, ARGV[1], ended)
return done
