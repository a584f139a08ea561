-- Moves an alert by what was found just now, and hands out the notice that is to be sent next, to one sender at a time.
-- An alert is ok, pending (its condition holds, not for long enough yet) or firing. A change that someone is told of is a notice
-- in its line; so is the end of it. Nothing is told while it is muted, and afterwards what then holds.
-- INCLUDE: _alert
-- KEYS: alerts
-- ARGV: alert, whether its condition holds ('1' | '0'), value ('' for none), where, for_ms, repeat_ms (0: never), whether the
--       caller can send a notice now ('1' | '0')
-- Returns: {the state before, the state now, then, if there is a notice for the caller: its claim, and the notice (JSON)}
-- Cost: O(1)

local LEASE_MS, LONGEST_MS, NOTICES = 60000, 600000, 4 -- longest: before a notice is tried again

local now = time_ms()
local found = redis.call('HMGET', K.alerts, ARGV[1], ARGV[1] .. '|muted')
local alert = read_alert(found[1]) or { state = 'ok', since = now, claim = 0 }
-- Where the clock was set back, nothing lies further ahead than it was ever put: else it would be waited for.
for field, most in pairs({ since = 0, began = 0, told = 0, lease = LEASE_MS, again = LONGEST_MS }) do
  if (tonumber(alert[field]) or 0) > now + most then alert[field] = now + most end
end
local before, line = alert.state, alert.line or {}
local muted = tonumber(string.match(found[2] or '', '^(%d+)|') or '-1')
local is_muted = muted == 0 or muted > now

local function put_in_line(kind)
  line[#line + 1] = { kind = kind, at = now, since = alert.began, value = alert.value, worst = alert.worst }
  while #line > NOTICES do -- what began and ended meanwhile; the first may be on its way
    table.remove(line, 2)
    table.remove(line, 2)
  end
end

alert.value, alert.worst, alert.seen = tonumber(ARGV[3]), ARGV[4], now
if ARGV[2] == '1' then
  if alert.state == 'ok' then alert.state, alert.since, alert.began = 'pending', now, now end
  if alert.state == 'pending' and now - alert.began >= tonumber(ARGV[5]) then alert.state, alert.since = 'firing', now end
elseif alert.state ~= 'ok' then
  alert.state, alert.since = 'ok', now
end
if not is_muted then
  local again = tonumber(ARGV[6])
  if alert.state == 'firing' and (not alert.told or (again > 0 and #line == 0 and now - alert.told >= again)) then
    put_in_line('firing')
    alert.told = now
  elseif alert.state == 'ok' and alert.told then
    put_in_line('resolved')
    alert.told = nil
  end
end
local said = { before, alert.state }
if ARGV[7] == '1' and line[1] and (alert.lease or 0) <= now and (alert.again or 0) <= now then
  alert.claim, alert.lease = alert.claim + 1, now + LEASE_MS
  said[3], said[4] = alert.claim, cjson.encode(line[1])
end
alert.line = line[1] and line or nil -- cjson cannot tell an empty list from an empty table
write_alert(K, ARGV[1], alert)
return said
