-- Sets when a schedule is due from now on instead of what its catalog says, or ends that. What was set before ends now, and is
-- remembered: it says which ticks there were.
-- INCLUDE: _renamed
-- KEYS: schedules_by_hand
-- ARGV: schedule, the new times ('' for the catalog's | JSON {by, since_ms, until_ms, reason, cron, every_ms, timezone}, where
--       `since_ms` is filled in here)
-- Returns: 1, or 0 if there was nothing to end
-- Cost: O(1)

local KEPT = 10 -- of one schedule: the latest

local name, now = root_of(K, ARGV[1]), time_ms()
local sets = cjson.decode(redis.call('HGET', K.schedules_by_hand, name) or '[]')
if sets.by then sets = {} end -- an earlier version kept one set of times
local last = sets[#sets]
local holds = last and (not last.until_ms or last.until_ms > now)
if not holds and ARGV[2] == '' then return 0 end
if holds then last.until_ms = now end
if holds and last.since_ms >= now then sets[#sets] = nil end
if ARGV[2] ~= '' then
  local new = cjson.decode(ARGV[2])
  new.since_ms = now
  sets[#sets + 1] = new
end
if #sets > KEPT then table.remove(sets, 1) end
if #sets == 0 then
  redis.call('HDEL', K.schedules_by_hand, name)
else
  redis.call('HSET', K.schedules_by_hand, name, cjson.encode(sets))
end
return 1
