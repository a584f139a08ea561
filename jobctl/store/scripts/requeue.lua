-- Gives reservations back: to the head of their line on drain, or for a worker that died (then with the lost attempt,
-- and a crash counted); to the back of their lane when only the worker found that they have one, and maybe
-- that they expire; and to the head of their lane when the other side asked for a pause, which slows its rate limits
-- down. A job that someone cancelled meanwhile is cancelled instead. No retry is consumed, and the rates of one that did
-- not start are as if it had not been fetched. Of those that go to the head the last one given is the first there: a caller
-- that names the oldest last keeps their order, also over several calls; those that go to the back stand there as they were
-- fetched.
-- INCLUDE: _settle _archive _limits _unbegun _attempts _ready _stats _events
-- INCLUDE-LATE: _index
-- KEYS: crashes lanes expiring index
-- ARGV: queue, event_maxlen, then for each job: id, token, record ('' leaves it), crash (0 | 1), event ('' for none),
--       lane ('' leaves it), pause_ms ('0' for none), expires_ms (epoch; '0' leaves it), attempt ('' if there
--       was none), began (0 if it did not start, else 1), mark (see _stats)
-- Returns: {how many jobs were gone through, the indexes (from 0) of the reservations that are no longer current};
--          nothing was changed for these
-- Cost: O(jobs), within the budget

local now = time_ms()
local events, ended = {}, {}

local function number_of(token) return tonumber(string.match(token, '^%d+')) end

local done = each_current(K, ARGV[1], 3, 11, function(ids, at, asked, begun)
  write_records(K, ids, at, 2)
  add_attempts(K, ids, at, 8, false)
  note_unbegun(K, ids, at, 9)
  local first, last, places, cancelled = {}, {}, {}, {}
  for i, id in ipairs(ids) do
    local lane = ARGV[at[i] + 5]
    if ARGV[at[i] + 3] == '1' then redis.call('HINCRBY', K.crashes, id, 1) end
    if lane ~= '' then redis.call('HSET', K.lanes, id, lane) end
    if ARGV[at[i] + 7] ~= '0' then redis.call('ZADD', K.expiring, ARGV[at[i] + 7], id) end
    penalise_lane(K, id, tonumber(ARGV[at[i] + 6]), now)
    if asked[i] then
      cancelled[#cancelled + 1], ended[#ended + 1] = id, id
    else
      local line = lane ~= '' and last or first
      line[#line + 1] = id
      places[id] = number_of(ARGV[at[i] + 1])
    end
    local ran = ARGV[at[i] + 8] ~= '' and (begun[id] and 'f' or 'sf') or ''
    if ran ~= '' or asked[i] then note_event(ran .. (asked[i] and 'x' or ''), ARGV[at[i] + 10]) end
    tell(events, at[i], 4, asked[i])
  end
  if redis.call('EXISTS', K.index) == 1 then late().leave_foreign(K, ids) end
  push_ready(K, first, true)
  push_ready(K, last, false, places)
  end_cancelled(K, cancelled, now)
end, fitting_to_add)
refund_unbegun(K, ARGV[1], now)
count_noted(K, now)
publish_events(K, events, ARGV[2])
announce(K, ARGV[1], ended)
return done
