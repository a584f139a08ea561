-- How many bodies one call hands out: what it copies is part of what it may do.
-- INCLUDE: _work
-- KEYS: bodies

local RESERVED = 4 -- what reserving a job costs, which comes later: it is counted when the job is taken
local handed_out = 0

local function append(to, from)
  for _, v in ipairs(from) do to[#to + 1] = v end
end

-- Whether one more body may be handed out; the first of a call always may. Nil if there is none.
local function may_carry(k, id)
  local size = redis.call('HSTRLEN', k.bodies, id)
  if size == 0 and redis.call('HEXISTS', k.bodies, id) == 0 then return nil end
  local cost = size / 1024 + RESERVED
  if handed_out > 0 and not can_spend(cost) then return false end
  handed_out, spent = handed_out + 1, spent + cost
  return true
end

local function bodies_of(k, ids) return #ids > 0 and redis.call('HMGET', k.bodies, unpack(ids)) or {} end

-- The first of some jobs that may be handed out, and their bodies.
local function carry(k, ids)
  local good = {}
  for i, id in ipairs(ids) do
    if may_carry(k, id) == false then break end
    good[i] = id
  end
  return good, bodies_of(k, good)
end
