-- What is kept of an alert, as JSON.
-- KEYS: alerts

-- nil for none, and for what is not one.
local function read_alert(text)
  local fine, alert = pcall(cjson.decode, text or '')
  if fine and type(alert) == 'table' and alert.state and tonumber(alert.claim) and tonumber(alert.since) then return alert end
end

local function write_alert(k, name, alert)
  redis.call('HDEL', k.alerts, name) -- first, since Redis at maxmemory refuses a script whose first write is an HSET
  redis.call('HSET', k.alerts, name, cjson.encode(alert))
end
