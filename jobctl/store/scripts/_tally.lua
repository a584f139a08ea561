-- How many jobs of a queue came to an end recently, counted as it happens: the jobs that are kept do not show it.
-- KEYS: ended

local SLOT_MS, SLOTS = 5000, 13 -- a minute and the slot that is not over

-- Counts n ends as `kind` ('c' or 'd'). Returns how many there were in this slot. O(1), and O(SLOTS) for the first of each.
local function count_ended(k, kind, n, now)
  if n == 0 then return 0 end
  local slot = math.floor(now / SLOT_MS)
  local recent = redis.call('HINCRBY', k.ended, string.format('%s%.0f', kind, slot), n)
  if recent > n then return recent end
  local old = {}
  for _, field in ipairs(redis.call('HKEYS', k.ended)) do
    if tonumber(string.sub(field, 2)) <= slot - SLOTS then old[#old + 1] = field end
  end
  if #old > 0 then redis.call('HDEL', k.ended, unpack(old)) end
  redis.call('PEXPIRE', k.ended, SLOT_MS * SLOTS)
  return recent
end
