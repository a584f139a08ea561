-- Lets ticks of a schedule pass without a job, and notes why: missed, skipped, or queued behind the job of an earlier
-- tick. It leaves out ticks up to the cursor, which others have decided.
-- INCLUDE: _renamed _ticks
-- KEYS: cursors open_ticks
-- ARGV: schedule, the tick after the last one (epoch ms), what (missed | skipped | queued), why, then the ticks (epoch ms)
--       in order. Without ticks it only writes which tick is next
-- Returns: how many passed
-- Cost: O(#ticks * log of the rows); at most 50 ticks

local MOST_QUEUED = 100

local name, what, why = root_of(K, ARGV[1]), ARGV[3], ARGV[4]
local now, passed = time_ms(), 0
local found = redis.call('HMGET', K.cursors, name, name .. '|paused')
local last = tonumber(found[1] or '-1')
local paused = is_paused(K, name, found[2], now)

local function note(tick)
  local old, row = row_of(K, name, tick)
  if row and row.job then return end
  if paused then return write_paused(K, name, tick, 'tick', found[2], old, now) end
  local new = { what = what, how = 'tick', at = now, why = why }
  if what == 'queued' and redis.call('ZCARD', queued_of(K, name)) >= MOST_QUEUED then
    new.what, new.why = 'skipped', MOST_QUEUED .. ' ticks wait already'
  elseif what == 'queued' then
    redis.call('ZADD', queued_of(K, name), tick, string.format('%.0f', tick))
    redis.call('SADD', K.open_ticks, name)
  end
  write_row(K, name, tick, 't', new, old, now)
end

for i = 5, #ARGV do
  local tick = tonumber(ARGV[i])
  if tick > last and tick <= now + EARLY_MS then
    note(tick)
    last, passed = tick, passed + 1
  end
end
if passed > 0 then
  redis.call('HSET', K.cursors, name, string.format('%.0f', last), name .. '|next', ARGV[2])
  redis.call('HDEL', K.cursors, name .. '|run')
elseif #ARGV == 4 then
  redis.call('HSET', K.cursors, name .. '|next', ARGV[2])
end
return passed
