-- Gives reservations back: to the head of their line on drain, or for a worker that died (then with the lost attempt in
-- the record and a crash counted); to the back of their lane when only the worker found that they have one, and maybe
-- that they expire; and to the head of their lane when the other side asked for a pause, which slows its rate limits
-- down. A job that somebody cancelled meanwhile is cancelled instead. No attempt is consumed.
-- INCLUDE: _limits _settle _archive _ready _events
-- KEYS: records crashes lanes expiring
-- ARGV: queue, event_maxlen, then for each job: id, token, record ('' leaves it), crash (0 | 1), event ('' for none),
--       lane ('' leaves it), pause_ms ('0' for none), expires_ms (epoch; '0' leaves it)
-- Returns: the indexes (from 0) of the reservations that are no longer current; nothing was changed for them
-- Cost: O(jobs)

local now = time_ms()
local events, first, last, ended = {}, {}, {}, {}
local late = each_current(K, ARGV[1], 3, 8, function(id, at, asked)
  if ARGV[at + 2] ~= '' then redis.call('HSET', K.records, id, ARGV[at + 2]) end
  if ARGV[at + 3] == '1' then redis.call('HINCRBY', K.crashes, id, 1) end
  local lane = ARGV[at + 5]
  if lane ~= '' then redis.call('HSET', K.lanes, id, lane) end
  if ARGV[at + 7] ~= '0' then redis.call('ZADD', K.expiring, ARGV[at + 7], id) end
  penalise_lane(K, id, tonumber(ARGV[at + 6]), now)
  if asked then
    cancel_now(K, id, now)
    ended[#ended + 1] = id
  else
    local line = lane ~= '' and last or first
    line[#line + 1] = id
  end
  if ARGV[at + 4] ~= '' then events[#events + 1] = ARGV[at + 4] end
end)
push_ready(K, first, true)
push_ready(K, last, false)
over(K, ended, 'cancelled')
publish_events(K, events, ARGV[2])
announce(K, ARGV[1], ended)
return late
