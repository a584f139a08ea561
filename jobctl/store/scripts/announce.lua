-- Says which schedules a scheduler has. One that is new, or due at other times than before, has no ticks in the past:
-- its first is the next one.
-- INCLUDE: _renamed
-- KEYS: announced cursors
-- ARGV: {schedule, a digest of when it is due, its next tick (epoch ms)} of each
-- Returns: for each the tick that comes next (epoch ms): in the past if some were missed
-- Cost: O(#schedules); at most 50

local now, out = time_ms(), {}
for i = 1, #ARGV, 3 do
  local name, digest, following = root_of(K, ARGV[i]), ARGV[i + 1], ARGV[i + 2]
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
