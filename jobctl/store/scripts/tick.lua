-- Takes one tick of a schedule: advances its cursor and enqueues its job in the same step, if the tick is due and newer.
-- Redis's clock decides what is due. A cursor that is further ahead of it than one interval was moved by a wrong clock: it
-- returns, and the ticks of the stretch that it ends, which were enqueued, are remembered and never enqueued again.
-- INCLUDE: _enqueue
-- KEYS: cursors
-- ARGV: schedule, tick (epoch ms), the tick after it (epoch ms), queue, id, body, priority, due ('0' now | '+N' ms from now),
--       extra ('' | JSON, see _enqueue)
-- Returns: {what, Redis's time (epoch ms), the cursor before ('' if there was none), the cursor that was set back or ''};
--          what: used, taken (somebody had it), early (not due: nothing is changed), paused. Of a used tick, too: what
--          became of its job (enqueued, or as enqueue says it), and the other job's id
-- Cost: O(1)

local EARLY_MS = 1000 -- the clock of a scheduler may be ahead of Redis's by this much
local STRETCHES = 8 -- the latest that are remembered

local name, tick, following = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local now = time_ms()
if tick > now + EARLY_MS then return { 'early', now, '', '' } end

local found = redis.call('HMGET', K.cursors, name, name .. '|paused', name .. '|run', name .. '|taken')
local last, paused, taken = tonumber(found[1]), found[2], found[4] or ''
-- The ticks that were enqueued one after the other up to the cursor: the first, and the one that would be next.
local first, expected = string.match(found[3] or '', '^(%d+) (%d+)$')

local function remember(from, to)
  local kept = { from .. '-' .. to }
  for stretch, till in string.gmatch(taken, '(%d+%-(%d+))') do
    if tonumber(till) > now and #kept < STRETCHES then kept[#kept + 1] = stretch end
  end
  taken = table.concat(kept, ' ')
  redis.call('HSET', K.cursors, name .. '|taken', taken, name .. '|set_back', string.format('%.0f %s', now, to))
end

local function was_taken()
  for from, to in string.gmatch(taken, '(%d+)%-(%d+)') do
    if tonumber(from) <= tick and tick <= tonumber(to) then return true end
  end
  return false
end

local before, set_back = found[1] or '', ''
if last and last > now + EARLY_MS + following - tick then
  remember(first or before, before)
  last, first, before, set_back = nil, nil, '', before
end
if last and last >= tick then return { 'taken', now, before, set_back } end

redis.call('HSET', K.cursors, name, ARGV[2])
if paused then
  redis.call('HDEL', K.cursors, name .. '|run')
  return { 'paused', now, before, set_back }
end
redis.call('HSET', K.cursors, name .. '|run', (expected == ARGV[2] and first or ARGV[2]) .. ' ' .. ARGV[3])
if was_taken() then return { 'taken', now, before, set_back } end
local said = enqueue_jobs(K, ARGV[4], { ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9] })
local became, other = said[3] or 'enqueued', said[4] or ''
if became ~= 'skipped' and became ~= 'conflict' then redis.call('HSET', K.cursors, name .. '|job', ARGV[5]) end
return { 'used', now, before, set_back, became, other }
