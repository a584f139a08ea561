-- What one call may cost, so that no other client waits for long: counted in commands, their arguments, and the bytes
-- that are moved. A script that goes through many jobs takes them in slices for as long as it can afford one, and says
-- how far it came; the caller goes on with the rest. The loader puts this before all other fragments, so that it counts
-- what they do.

local BUDGET = 2000 -- a unit is one to two microseconds
local FIRST = 5 -- jobs in the first slice, when nobody knows yet what one costs
local GROWTH = 4 -- a slice is so many times all that was done before, at most: what comes may be larger than what came

local spent = 0
local uncounted = redis.call
local redis = {
  call = function(...)
    spent = spent + 0.6 + select('#', ...) * 0.4
    return uncounted(...)
  end,
}

-- Counts texts that are moved.
local function spend_bytes(texts)
  for _, text in pairs(texts) do
    if text then spent = spent + #text / 1024 end
  end
end

-- A budget that begins now. The function that it returns says how many of the jobs that are left come next, by what those
-- that are done have cost since then; 0 when it is used up.
local function budget_of(units)
  local start = spent
  return function(done, left)
    if done == 0 then return math.min(left, FIRST) end
    local used = spent - start
    return math.max(0, math.min(left, GROWTH * done, math.floor((units - used) * done / used)))
  end
end

local whole_call = budget_of(BUDGET)
local function affordable(done, left) return whole_call(done, left) end

-- Goes through the rows in ARGV from `first` on, `width` arguments each, in slices, for as long as the budget lasts:
-- calls take(from, to) with the places of a slice's first and last argument. Returns how many rows were gone through.
local function each_slice(first, width, take)
  local done, count = 0, (#ARGV - first + 1) / width
  local n = affordable(0, count)
  while n > 0 do
    local from = first + done * width
    take(from, from + n * width - 1)
    done = done + n
    n = affordable(done, count - done)
  end
  return done
end
