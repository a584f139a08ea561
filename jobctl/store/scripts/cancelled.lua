-- Ends attempts that stopped because their job was cancelled.
-- INCLUDE: _settle _archive _attempts _stats _events
-- ARGV: queue, event_maxlen, then for each job: id, token, record, event, attempt, mark (see _stats)
-- Returns: {how many jobs were gone through, the indexes (from 0) of the attempts that are no longer current}; nothing
--          was changed for these
-- Cost: O(jobs), within the budget

local now = time_ms()
local events, ended = {}, {}
local done = each_current(K, ARGV[1], 3, 6, function(ids, at, _, begun)
  write_records(K, ids, at, 2)
  add_attempts(K, ids, at, 4, false)
  end_cancelled(K, ids, now)
  for i, id in ipairs(ids) do
    ended[#ended + 1] = id
    tell(events, at[i], 3)
    note_event(begun[id] and 'x' or 'sx', ARGV[at[i] + 5])
  end
end, fitting_to_add)
count_noted(K, now)
publish_events(K, events, ARGV[2])
announce(K, ARGV[1], ended)
return done
