-- Ends attempts that succeeded: the body goes to the archive, the record and the result are beside it.
-- INCLUDE: _budget _settle _archive _tally _stats _events
-- INCLUDE-LATE: _ended _forget
-- KEYS: crashes results completed
-- ARGV: queue, keep_ms, keep_count, event_maxlen, the bytes of the largest job ('' if unknown): its body and what is written
--       beside it; then for each job: id, token, record, event, result ('' for null), mark (see _stats)
-- Returns: {how many jobs were gone through, the indexes (from 0) of the attempts that are no longer current}; nothing
--          was changed for these
-- Cost: O(jobs), within the budget, of which a part is for trimming

local FOR_TRIMMING = 700
local ROW = 9 -- units of a job, beside its bytes, which are read and written
local LATE_JOBS, LATE_MS = 80, 5000 -- jobs kept beyond `keep`, at most, and for how long: they go many at a time
local LOOKS = 4 -- at them, while so many come
local HUNDREDTH = 0.01 -- of what `keep` says, if that is less

local now = time_ms()
local events, ended = {}, {}

-- What a job costs at most; nil if that is not known.
local function cost_of_row()
  local largest = tonumber(ARGV[5])
  if not largest or has_beside(K) then return nil end
  return ROW + largest * (READ + WRITTEN)
end

-- Forgets jobs that `keep` keeps no longer, once they are many or old enough to be worth it. `recent` jobs have ended in these
-- seconds: whether there are such jobs is seen with the first of them, and then now and again; with each while they are too
-- many, since what a job leaves may be so large that one call forgets few.
local function forget_old(keep_ms, keep_count, recent)
  local most = math.min(LATE_JOBS, keep_count * HUNDREDTH)
  local step = math.max(1, math.floor(most / LOOKS))
  local over = redis.call('ZCARD', K.completed) - keep_count
  local is_turn = recent <= #ended or math.floor(recent / step) ~= math.floor((recent - #ended) / step)
  if not is_turn and over <= most + 2 * step then return end
  if over <= most then
    local before = now - keep_ms - math.min(LATE_MS, keep_ms * HUNDREDTH)
    if not redis.call('ZRANGEBYSCORE', K.completed, '-inf', before, 'LIMIT', 0, 1)[1] then return end
  end
  local limit = 2 * math.max(#ended, LATE_JOBS) -- more than came: so what is kept too long becomes less
  local gone = late().forget_first(K, late().COMPLETED, now - keep_ms, keep_count, limit, now, keep_ms)
  late().forget_known(K, 2 * gone + 10, now)
end

local done = each_current(K, ARGV[1], 6, 6, function(ids, at, _, begun)
  if has_beside(K) and redis.call('EXISTS', K.crashes) == 1 then redis.call('HDEL', K.crashes, unpack(ids)) end
  write_records(K, ids, at, 2)
  write_texts(K.results, ids, at, 4)
  local bodies = archive(K, ids)
  add_scored(K.completed, ids, now)
  if has_beside(K) then let_go(K, ids, bodies, 'completed') end
  for i, id in ipairs(ids) do
    ended[#ended + 1] = id
    tell(events, at[i], 3)
    note_event(begun[id] and 'c' or 'sc', ARGV[at[i] + 5])
  end
end, nil, BUDGET - FOR_TRIMMING, cost_of_row())
if #ended > 0 then
  local recent = count_ended(K, 'c', #ended, now)
  count_noted(K, now)
  forget_old(tonumber(ARGV[2]), tonumber(ARGV[3]), recent)
end
publish_events(K, events, ARGV[4])
announce(K, ARGV[1], ended)
return done
