-- Says which schedules a scheduler has. One that is new, or due at other times than before, has no ticks in the past:
-- its first is the next one. One that was renamed takes over the cursor and history of the old name.
-- INCLUDE: _ticks
-- KEYS: announced cursors open_ticks
-- ARGV: {schedule, a digest of when it is due, its next tick (epoch ms), what it was called before or ''} of each
-- Returns: for each the tick that comes next (epoch ms): in the past if some were missed
-- Cost: O(#schedules); at most 50

local CARRIED = { '', '|job', '|paused', '|run', '|taken', '|next', '|floor', '|failed', '|when', '|set_back' }
local now = time_ms()

local function rename(from, to)
  if redis.call('HEXISTS', K.cursors, to) == 1 or redis.call('HEXISTS', K.cursors, from) == 0 then return end
  for _, field in ipairs(CARRIED) do
    local value = redis.call('HGET', K.cursors, from .. field)
    if value then
      redis.call('HSET', K.cursors, to .. field, value)
      redis.call('HDEL', K.cursors, from .. field)
    end
  end
  local new = { history_of(K, to), open_of(K, to), queued_of(K, to) }
  for i, old in ipairs({ history_of(K, from), open_of(K, from), queued_of(K, from) }) do
    if redis.call('EXISTS', old) == 1 then redis.call('RENAME', old, new[i]) end
  end
  if redis.call('SREM', K.open_ticks, from) == 1 then redis.call('SADD', K.open_ticks, to) end
  redis.call('HDEL', K.announced, from)
end

local out = {}
for i = 1, #ARGV, 4 do
  local name, digest, following, was = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  if was ~= '' then rename(was, name) end
  local found = redis.call('HMGET', K.cursors, name .. '|when', name .. '|next', name, name .. '|floor')
  local upcoming = found[2]
  if found[1] ~= digest or not upcoming then
    upcoming = following
    redis.call('HSET', K.cursors, name .. '|when', digest, name .. '|next', following)
    -- Before the first announcement no history was kept.
    if not found[1] and found[3] and not found[4] then redis.call('HSET', K.cursors, name .. '|floor', found[3]) end
  end
  if found[3] and tonumber(upcoming) <= tonumber(found[3]) then -- taken since `following` was worked out
    upcoming = string.format('%.0f', found[3] + 1)
  end
  redis.call('HSET', K.announced, name, now)
  out[#out + 1] = upcoming
end
return out
