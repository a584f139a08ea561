-- Ends attempts that failed for good: the job is a dead letter, with its reason in its record. A job that someone
-- cancelled meanwhile is cancelled instead. The rates of one that did not start are as if it had not been fetched.
-- INCLUDE: _settle _archive _unbegun _attempts _groups _tally _stats _events
-- KEYS: dead
-- ARGV: queue, event_maxlen, then for each job: id, token, record, event, group, group info (JSON), attempt ('' if
--       there was none), its traceback, began (0 if it did not start, else 1), mark (see _stats)
-- Returns: {how many jobs were gone through, the indexes (from 0) of the attempts that are no longer current}; nothing
--          was changed for these
-- Cost: O(jobs), within the budget

local now = time_ms()
local events, ended = {}, {}
local done = each_current(K, ARGV[1], 3, 10, function(ids, at, asked, begun)
  write_records(K, ids, at, 2)
  add_attempts(K, ids, at, 6, true)
  note_unbegun(K, ids, at, 8)
  local dead, cancelled = {}, {}
  for i, id in ipairs(ids) do
    if asked[i] then
      cancelled[#cancelled + 1] = id
    else
      join_group(K, id, ARGV[at[i] + 4], ARGV[at[i] + 5], now)
      dead[#dead + 1] = id
    end
    local ran = ARGV[at[i] + 6] ~= '' and (begun[id] and 'f' or 'sf') or ''
    note_event(ran .. (asked[i] and 'x' or 'd'), ARGV[at[i] + 9])
    tell(events, at[i], 3, asked[i])
    ended[#ended + 1] = id
  end
  end_jobs(K, dead, K.dead, now, 'dead')
  end_cancelled(K, cancelled, now)
  count_ended(K, 'd', #dead, now)
end, fitting_to_add)
refund_unbegun(K, ARGV[1], now)
count_noted(K, now)
publish_events(K, events, ARGV[2])
announce(K, ARGV[1], ended)
return done
