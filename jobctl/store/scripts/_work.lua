-- How much of the budget is left, for a script that turns to something else when one thing takes too long.
-- INCLUDE: _budget

local function may_go_on() return spent < BUDGET end

local in_vain = 60 -- lanes that one call may find held up, before it turns to jobs without limits

local function may_try_lanes() return in_vain > 0 and may_go_on() end

-- Whether so much may be done yet. If not, the call is over: the next one begins here.
local function can_spend(units)
  if spent + units <= BUDGET then return true end
  spent = BUDGET
  return false
end

-- How many of n things, each of which costs so much, may be done yet; at least one.
local function can_do(n, each) return math.max(1, math.min(n, math.floor((BUDGET - spent) / each))) end
