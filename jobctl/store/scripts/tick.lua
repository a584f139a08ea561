-- Takes one tick of a schedule: advances its cursor, notes what became of the tick, and enqueues its job, in one step. Redis's
-- clock decides what is due. A cursor that is further ahead of it than one interval was moved by a wrong clock: it returns, and
-- the ticks of the stretch that it ends, which were enqueued, are remembered and never enqueued again.
-- INCLUDE: _enqueue _renamed _ticks
-- KEYS: cursors open_ticks
-- ARGV: schedule, tick (epoch ms), the tick after it (epoch ms), how, overlap ('look' | ''), why, queue, id, body, priority,
--       due ('0' now | '+N' ms from now), extra ('' | JSON, see _enqueue), mark. how: tick (it is due now), caught_up (it was missed),
--       queued (it has waited for the job before it), backfill, hand; the last two leave the cursor alone and run during a pause
-- Returns: {what, Redis's time (epoch ms), the cursor before ('' if there was none), the cursor that was set back or '', more};
--          what: used, taken (someone had it), early (not due: nothing is changed), paused (one that has waited waits on),
--          behind (ticks from `more` on come first: nothing is changed), overlaps (job `more`, as 'QUEUE ID', of an earlier
--          tick may not have ended: at most the cursor returned), forgotten (what became of it is no longer known: nothing
--          is changed). Of one that is used also what became of its job and the other job's id (as enqueue answers)
-- Cost: O(log of the rows)

local STRETCHES = 8 -- the latest that are remembered

local name, tick, following, how = root_of(K, ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local now = time_ms()
if tick > now + EARLY_MS then return { 'early', now, '', '', '' } end

local found = redis.call('HMGET', K.cursors, name, name .. '|paused', name .. '|run', name .. '|taken', name .. '|next', name .. '|floor')
local last, taken = tonumber(found[1]), found[4] or ''
local expected, floor = tonumber(found[5]), tonumber(found[6] or '0')
local before, set_back = found[1] or '', ''
local old, row = row_of(K, name, tick)
local in_turn = how == 'tick' or how == 'caught_up'

local function answer(what, more) return { what, now, before, set_back, more or '' } end

local function remember(from, to)
  local kept = { from .. '-' .. to }
  for stretch, till in string.gmatch(taken, '(%d+%-(%d+))') do
    if tonumber(till) > now and #kept < STRETCHES then kept[#kept + 1] = stretch end
  end
  taken = table.concat(kept, ' ')
  redis.call('HSET', K.cursors, name .. '|taken', taken, name .. '|set_back', string.format('%.0f %s', now, to))
end

-- Whether somebody ran it by hand, as for its own time.
local function was_run_by_hand()
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', history_of(K, name), tick, tick, 'LIMIT', 0, 10)) do
    if string.sub(member, 1, 1) == 'h' and cjson.decode(string.sub(member, 2)).job then return true end
  end
  return false
end

-- Whether its job was enqueued, or will be without us. A run by hand fills a gap, but never takes the place of a tick that is
-- due now.
local function was_taken()
  if row and (row.job or (row.what == 'queued' and how ~= 'queued')) then return true end
  if (how == 'backfill' or how == 'caught_up') and was_run_by_hand() then return true end
  for from, to in string.gmatch(taken, '(%d+)%-(%d+)') do
    if tonumber(from) <= tick and tick <= tonumber(to) then return true end
  end
  return false
end

-- The cursor's part for a tick in its turn. Returns what the script answers, nil to continue.
local function advance()
  -- The ticks that were enqueued one after the other up to the cursor: the first, and the one that would be next.
  local first, next_one = string.match(found[3] or '', '^(%d+) (%d+)$')
  if last and last > now + EARLY_MS + following - tick then
    remember(first or before, before)
    last, first, before, set_back, expected = tick - 1, nil, '', before, nil
    redis.call('HSET', K.cursors, name, string.format('%.0f', last)) -- whatever becomes of this tick
    redis.call('HDEL', K.cursors, name .. '|run', name .. '|next')
  end
  if last and last >= tick then return answer('taken') end
  -- Of two schedulers at once, one may have said of a tick that it comes next when the other had taken it.
  if last and expected then expected = math.max(expected, last + 1) end
  if how == 'tick' and last and expected and expected < tick then return answer('behind', string.format('%.0f', expected)) end
  local paused = is_paused(K, name, found[2], now)
  if not paused and not was_taken() and ARGV[5] == 'look' then
    local open = redis.call('ZRANGE', open_of(K, name), 0, 0)[1]
    if open then return answer('overlaps', open) end
  end
  redis.call('HSET', K.cursors, name, ARGV[2], name .. '|next', ARGV[3])
  if paused then
    redis.call('HDEL', K.cursors, name .. '|run')
    if not row then write_paused(K, name, tick, how, found[2], nil, now) end
    return answer('paused')
  end
  redis.call('HSET', K.cursors, name .. '|run', (next_one == ARGV[2] and first or ARGV[2]) .. ' ' .. ARGV[3])
end

if in_turn then
  local said = advance()
  if said then return said end
elseif how == 'queued' then
  if not redis.call('ZSCORE', queued_of(K, name), ARGV[2]) then return answer('taken') end -- its row may be trimmed
  if is_paused(K, name, found[2], now) then return answer('paused') end
  local open = redis.call('ZRANGE', open_of(K, name), 0, 0)[1]
  if open then return answer('overlaps', open) end
  redis.call('ZREM', queued_of(K, name), ARGV[2])
elseif how == 'backfill' and tick <= floor then
  return answer('forgotten')
end
if how ~= 'hand' and was_taken() then return answer('taken') end

local job_type = string.match(ARGV[9], '"actor_name":"([^"]*)"') or ''
local said = enqueue_jobs(K, ARGV[7], ARGV, 8, job_type)
local became, other = said[3] or 'enqueued', said[4] or ''
local letter = how == 'hand' and 'h' or 't'
local new = { what = 'enqueued', how = how, at = now, why = ARGV[6] ~= '' and ARGV[6] or nil }
if became == 'skipped' or became == 'conflict' then
  new.what, new.why = 'held', 'job ' .. other .. ' holds the unique key'
else
  new.job, new.queue = ARGV[8], ARGV[7]
  redis.call('ZADD', open_of(K, name), tick, ARGV[7] .. ' ' .. ARGV[8])
  redis.call('SADD', K.open_ticks, name)
  if how ~= 'hand' and how ~= 'backfill' then redis.call('HSET', K.cursors, name .. '|job', ARGV[8]) end
end
write_row(K, name, tick, letter, new, letter == 't' and old, now)
return { 'used', now, before, set_back, '', became, other }
