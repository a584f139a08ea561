-- What one call may cost, so that no other client waits for long: counted in commands, their arguments, and the bytes
-- that are moved. A script that goes through many jobs takes them in slices for as long as it can afford one, and says
-- how far it came; the caller continues with the rest. The loader puts this before all other fragments, so that it counts
-- what they do.

local BUDGET = 2000 -- a unit is one to two microseconds
local FOR_ROWS = 1600 -- of which a script that goes through rows has so much: reading what it is sent costs the rest
local FIRST = 2 -- jobs in the first slice, when nobody knows yet what one costs
local GROWTH = 4 -- a slice is so many times all that was done before, at most: what comes may be larger than what came
local LARGEST = 100 -- jobs in any slice, for the same reason
local READ, WRITTEN = 1.5 / 1024, 3 / 1024 -- units a byte: what is written goes to the append-only file, too

local spent = 0
local uncounted = redis.call
local redis = {
  call = function(...)
    spent = spent + 0.6 + select('#', ...) * 0.4
    return uncounted(...)
  end,
}

local function spend(units) spent = spent + units end

-- Counts the bytes of texts, at READ or WRITTEN units each.
local function spend_bytes(texts, units)
  for _, text in pairs(texts) do
    if text then spent = spent + #text * units end
  end
end

-- Whether so many units more are within the budget of the call.
local function is_within(units) return spent + units <= BUDGET end

-- A budget that begins now. The function that it returns says how many of the jobs that are left come next, by what those
-- that are done have cost since then; 0 when it is used up. `cost`, if it is known, is what one costs at most: then the first
-- slice may be larger.
local function budget_of(units, cost)
  local start = spent
  return function(done, left)
    if done == 0 then return math.min(left, cost and math.max(1, math.min(LARGEST, math.floor(units / cost))) or FIRST) end
    local used = spent - start
    return math.max(0, math.min(left, GROWTH * done, LARGEST, math.floor((units - used) * done / used)))
  end
end

local whole_call = budget_of(FOR_ROWS)
local function affordable(done, left) return whole_call(done, left) end

-- Every `width`th argument of a stretch of ARGV: the first of each row.
local function column(from, to, width)
  local out = {}
  for at = from, to, width do out[#out + 1] = ARGV[at] end
  return out
end

-- Goes through the rows in ARGV from `first` on, `width` arguments each, in slices, for as long as the budget lasts, or as
-- `units` of it do: calls take(from, to) with the places of a slice's first and last argument; take may return that it went
-- through fewer. `cost` is what a row costs at most, if that is known. Returns how many rows were gone through.
local function each_slice(first, width, take, units, cost)
  local affordable = units and budget_of(units, cost) or affordable
  local done, count = 0, (#ARGV - first + 1) / width
  local n = affordable(0, count)
  while n > 0 do
    local from = first + done * width
    done = done + (take(from, from + n * width - 1) or n)
    n = affordable(done, count - done)
  end
  return done
end
