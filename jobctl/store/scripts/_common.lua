-- Shared by every script. K holds the keys that the script and its fragments name.

local PRIORITY_STEP = 4398046511104 -- 2^42: priority * step + sequence orders by priority, then by age
local STARVE = 16 -- of any 16 jobs of a queue started one after the other, one is of its last priority
local BEFORE = 2 -- what goes before all others of its priority may be so much below priority * step

local function priority_at(score) return score and math.floor((tonumber(score) + BEFORE) / PRIORITY_STEP) end

local moment -- of this call: everything in it happens at once

-- Redis's clock: epoch ms with a fraction.
local function time_exact()
  if not moment then
    local t = redis.call('TIME')
    moment = tonumber(t[1]) * 1000 + tonumber(t[2]) / 1000
  end
  return moment
end

local function time_ms() return math.floor(time_exact()) end
