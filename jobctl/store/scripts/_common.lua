-- Shared by every script. K holds the keys that the script and its fragments name.

local PRIORITY_STEP = 4398046511104 -- 2^42: priority * step + sequence orders by priority, then by age

local function time_ms()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end
