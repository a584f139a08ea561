-- Gives reservations back: to the head of their line on drain, or for a worker that died (then with the lost attempt,
-- and a crash counted); to the back of their lane when only the worker found that they have one, and maybe
-- that they expire; and to the head of their lane when the other side asked for a pause, which slows its rate limits
-- down. A job that someone cancelled meanwhile is cancelled instead. No retry is consumed, and the rates of one that did
-- not start are as if it had not been fetched. Of those that go to the head the last one given is the first there: a caller
-- that names the oldest last keeps their order, also over several calls; those that go to the back stand there as they were
-- fetched.
-- INCLUDE: _settle _archive _limits _rates _lanes _due _attempts _ready _events
-- KEYS: crashes lanes expiring priorities since
-- ARGV: queue, event_maxlen, then for each job: id, token, record ('' leaves it), crash (0 | 1), event ('' for none),
--       lane ('' leaves it), pause_ms ('0' for none), expires_ms (epoch; '0' leaves it), attempt ('' if there
--       was none), began (0 if it did not start, else 1)
-- Returns: {how many jobs were gone through, the indexes (from 0) of the reservations that are no longer current};
--          nothing was changed for these
-- Cost: O(jobs), within the budget

local now = time_ms()
local events, ended = {}, {}

local function number_of(token) return tonumber(string.match(token, '^%d+')) end

-- Jobs that were counted against the rates of their buckets and never started; `fetched_at` says when each was fetched
-- (epoch ms). What was counted together is taken back together: of each part what has passed would be kept.
local counts, known = {}, {}
local function count_unbegun(k, ids, fetched_at)
  for i, lane in ipairs(#ids > 0 and redis.call('HMGET', k.lanes, unpack(ids)) or {}) do
    for _, bucket in ipairs(buckets_of(lane or '')) do
      if is_rate(bucket) then
        local key = fetched_at[i] .. '|' .. bucket
        if not counts[key] then known[#known + 1] = { key, bucket, fetched_at[i] } end
        counts[key] = (counts[key] or 0) + 1
      end
    end
  end
end

-- They are no longer counted, as far as they still held up others; who waits for these buckets is looked at now.
local function refund(k, queue)
  for _, each in ipairs(known) do
    local bucket = each[2]
    local spec = spec_of(k, limit_of(bucket), now)
    if spec and not penalty_of(k, bucket, now) then -- after a penalty there is no burst
      local state = read_rate(k, spec, bucket, now)
      if COUNTERS[spec.window].take_back(state, spec, counts[each[1]], each[3], now) then
        write_rate(k, spec, bucket, state, now)
        if look_now(k, queue, bucket, now) then wake(k) end
      end
    end
  end
end

local function note_unbegun(ids, at)
  local unbegun, fetched_at = {}, {}
  for i, id in ipairs(ids) do
    local when = ARGV[at[i] + 9] == '0' and tonumber(string.match(ARGV[at[i] + 1], '-(%d+)$'))
    if when then unbegun[#unbegun + 1], fetched_at[#fetched_at + 1] = id, when end
  end
  count_unbegun(K, unbegun, fetched_at)
  -- They may have had the turn of the last priority, and did not start: the next one is of it.
  if #unbegun > 0 and redis.call('EXISTS', K.priorities) == 1 then redis.call('SET', K.since, STARVE - 1) end
end

local done = each_current(K, ARGV[1], 3, 10, function(ids, at, asked)
  write_records(K, ids, at, 2)
  add_attempts(K, ids, at, 8, false)
  note_unbegun(ids, at)
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
    tell(events, at[i], 4, asked[i])
  end
  push_ready(K, first, true)
  push_ready(K, last, false, places)
  end_cancelled(K, cancelled, now)
end, fitting_to_add)
refund(K, ARGV[1])
publish_events(K, events, ARGV[2])
announce(K, ARGV[1], ended)
return done
