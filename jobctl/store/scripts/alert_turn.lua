-- Takes the turn to look at the alerts: one scheduler has it in each stretch of time. Once an hour, alerts that nobody has
-- looked at for a week are forgotten.
-- KEYS: alerts
-- ARGV: how long a turn is (ms)
-- Returns: 1 if it is the caller's, else 0
-- Cost: O(1), once an hour O(alerts)

local HOUR_MS, WEEK_MS = 3600000, 604800000

local now, length = time_ms(), tonumber(ARGV[1])
local turn = math.floor(now / length)
if tonumber(redis.call('HGET', K.alerts, '|turn') or '0') == turn then return 0 end
redis.call('HDEL', K.alerts, '|turn') -- first, since Redis at maxmemory refuses a script whose first write is an HSET
redis.call('HSET', K.alerts, '|turn', string.format('%.0f', turn), '|at', string.format('%.0f', now))
if (turn * length) % HOUR_MS >= length then return 1 end
local all = redis.call('HGETALL', K.alerts)
for i = 1, #all, 2 do
  local seen = not string.find(all[i], '|', 1, true) and string.match(all[i + 1], '"seen":(%d+)')
  if seen and tonumber(seen) < now - WEEK_MS then redis.call('HDEL', K.alerts, all[i], all[i] .. '|muted') end
end
return 1
