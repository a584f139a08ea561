-- How much of the budget is left, for a script that turns to something else when one thing takes too long.
-- INCLUDE: _budget

local function may_go_on() return spent < BUDGET end

-- Whether so much may be done yet. If not, the call is over: the next one begins here.
local function can_spend(units)
  if spent + units <= BUDGET then return true end
  spent = BUDGET
  return false
end

-- How many of n things, each of which costs so much, may be done yet; at least one.
local function can_do(n, each) return math.max(1, math.min(n, math.floor((BUDGET - spent) / each))) end
