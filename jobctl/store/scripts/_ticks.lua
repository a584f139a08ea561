-- The history of schedules: what became of each tick. `ticks:NAME` is ordered by due time. A member is JSON behind a letter:
-- 't' for the row of the tick itself, 'h' for a run by hand at that time:
-- {due: epoch ms, what, how, at: epoch ms, why, job, queue, state, started, ended: epoch ms}.
-- `ticks:NAME:open` holds 'QUEUE ID' of the jobs whose end is still to be noted, `ticks:NAME:queued` the ticks that wait for
-- them; `open_ticks` names the schedules that have either.
-- KEYS: cursors ticks

local EARLY_MS = 1000 -- the clock of a scheduler may be ahead of Redis's by this much
local ROWS_KEPT = 10000
local ROWS_KEPT_MS = 400 * 86400000
local MOST_TRIMMED = 100 -- in one step

local function history_of(k, name) return k.ticks .. ':' .. name end
local function open_of(k, name) return k.ticks .. ':' .. name .. ':open' end
local function queued_of(k, name) return k.ticks .. ':' .. name .. ':queued' end

-- The row of a tick: the member and what it says; nil if there is none. O(log of the rows).
local function row_of(k, name, tick)
  local member = redis.call('ZREVRANGEBYSCORE', history_of(k, name), tick, tick, 'LIMIT', 0, 1)[1]
  if member and string.sub(member, 1, 1) == 't' then return member, cjson.decode(string.sub(member, 2)) end
end

-- What was before `floor` is no longer known.
local function trim_rows(k, name, now)
  local key = history_of(k, name)
  local over = redis.call('ZCARD', key) - ROWS_KEPT
  if over <= 0 then
    local oldest = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
    over = oldest and tonumber(oldest) < now - ROWS_KEPT_MS and 1 or 0
  end
  if over <= 0 then return end
  over = math.min(over, MOST_TRIMMED)
  local floor = redis.call('ZRANGE', key, over - 1, over - 1, 'WITHSCORES')[2]
  redis.call('ZREMRANGEBYRANK', key, 0, over - 1)
  local before = tonumber(redis.call('HGET', k.cursors, name .. '|floor') or '0')
  if tonumber(floor) > before then
    redis.call('HSET', k.cursors, name .. '|floor', string.format('%.0f', floor))
  end
end

-- Writes a row in the place of `old` (a member), if that is given.
local function write_row(k, name, tick, letter, row, old, now)
  if old then redis.call('ZREM', history_of(k, name), old) end
  row.due = tonumber(tick)
  redis.call('ZADD', history_of(k, name), tick, letter .. cjson.encode(row))
  trim_rows(k, name, now)
end

-- Whether ticks pass unused: `paused` is 'UNTIL|by|reason', until 0 for good. A pause that is over is forgotten.
local function is_paused(k, name, paused, now)
  if not paused then return false end
  local till = tonumber(string.match(paused, '^(%d+)|') or '0')
  if till == 0 or till > now then return true end
  redis.call('HDEL', k.cursors, name .. '|paused')
  return false
end

-- Writes that a tick passed during a pause, and why the schedule is paused.
local function write_paused(k, name, tick, how, paused, old, now)
  local by, reason = string.match(paused, '^%d+|([^|]*)|(.*)$')
  local why = reason and (reason ~= '' and reason or 'paused by ' .. by) or nil
  write_row(k, name, tick, 't', { what = 'paused', how = how, at = now, why = why }, old, now)
end
