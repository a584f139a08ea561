-- Ends attempts that succeeded: the body goes to the archive, the record and the result are beside it.
-- INCLUDE: _budget _settle _archive _ended _forget _tally _stats _events
-- KEYS: crashes results completed
-- ARGV: queue, keep_ms, keep_count, event_maxlen, then for each job: id, token, record, event, result ('' for null),
--       mark (see _stats)
-- Returns: {how many jobs were gone through, the indexes (from 0) of the attempts that are no longer current}; nothing
--          was changed for these
-- Cost: O(jobs), within the budget, of which a part is for trimming

local now = time_ms()
local events, ended = {}, {}
local done = each_current(K, ARGV[1], 5, 6, function(ids, at, _, begun)
  if redis.call('EXISTS', K.crashes) == 1 then redis.call('HDEL', K.crashes, unpack(ids)) end
  write_records(K, ids, at, 2)
  write_texts(K.results, ids, at, 4)
  end_jobs(K, ids, K.completed, now, 'completed')
  for i, id in ipairs(ids) do
    ended[#ended + 1] = id
    tell(events, at[i], 3)
    note_event(begun[id] and 'c' or 'sc', ARGV[at[i] + 5])
  end
end, nil, BUDGET - TRIM)
if #ended > 0 then
  count_ended(K, 'c', #ended, now)
  count_noted(K, now)
  local limit = 2 * #ended + 10 -- more than came: so what is kept too long becomes less
  local keep_ms, keep_count = tonumber(ARGV[2]), tonumber(ARGV[3])
  local gone = forget_first(K, COMPLETED, now - keep_ms, keep_count, limit, now, keep_ms)
  forget_known(K, 2 * gone + 10, now)
end
publish_events(K, events, ARGV[4])
announce(K, ARGV[1], ended)
return done
