-- Notes what became of a notice that was handed out, if its sender still has it.
-- INCLUDE: _alert
-- KEYS: alerts
-- ARGV: alert, claim, outcome (sent | failed | back: it was not tried to the end), what went wrong, in how many ms to try again
-- Returns: 1, or 0 if another sender has it
-- Cost: O(1)

local alert = read_alert(redis.call('HGET', K.alerts, ARGV[1]))
if not alert or alert.claim ~= tonumber(ARGV[2]) or not alert.lease or not alert.line then return 0 end
local now = time_ms()
alert.lease = nil
if ARGV[3] == 'sent' then
  table.remove(alert.line, 1)
  alert.sent, alert.error, alert.failing, alert.tries, alert.again = now, nil, nil, nil, nil
elseif ARGV[3] == 'failed' then
  alert.error, alert.failing = ARGV[4], alert.failing or now
  alert.tries, alert.again = (alert.tries or 0) + 1, now + tonumber(ARGV[5])
end
if not alert.line[1] then alert.line = nil end
write_alert(K, ARGV[1], alert)
return 1
