-- Taking jobs without limits from where they wait: those of priority 0 from the list, the others from the ordered set. What
-- is in the ordered set with priority 0 goes before the list.
-- INCLUDE: _live _list _turns _bodies _work
-- KEYS: ready stale ordered

local MOST = 500 -- values that one command is given
local ORDERED, ENTRY = 4 + RESERVED, 6 + RESERVED -- what one costs until it is reserved, out of the set and out of the list
local dropped = 0 -- entries of the list that this call found to belong to no waiting job

local function take_ordered(k, priority, n)
  if n < 1 then return {}, {} end
  local from, to = range_of(priority)
  local ids, bodies = carry(k, redis.call('ZRANGEBYSCORE', k.ordered, from, to, 'LIMIT', 0, can_do(math.min(n, MOST), ORDERED)))
  if #ids > 0 then redis.call('ZREM', k.ordered, unpack(ids)) end
  return ids, bodies
end

-- Looks at the first entries of the list and takes at most n jobs. Entries that belong to no waiting job, or to one that is
-- in `taken`, are dropped; the others are added to it. Returns how many entries there were, too.
local function take_entries(k, n, entries, taken)
  local rows, good, seen, skipped = places_of(k, entries), {}, 0, 0
  for i, id in ipairs(entries) do
    local waits = rows[i] == LISTED and not taken[id]
    local may = waits and may_carry(k, id)
    if waits and may == false then break end
    if may then
      taken[id] = true
      good[#good + 1] = id
    else
      skipped = skipped + 1
    end
    seen = i
    if #good == n then break end
  end
  dropped = dropped + skipped
  redis.call('LTRIM', k.ready, seen, -1)
  if skipped > 0 then uncount(k, skipped) end
  return good, skipped
end

local function take_listed(k, n, taken)
  local ids, bodies, look_at = {}, {}, n
  while #ids < n and may_go_on() do
    local entries = redis.call('LRANGE', k.ready, 0, can_do(math.min(look_at, MOST), ENTRY) - 1)
    if #entries == 0 then
      redis.call('DEL', k.stale)
      break
    end
    local good, skipped = take_entries(k, n - #ids, entries, taken)
    append(ids, good)
    append(bodies, bodies_of(k, good))
    look_at = skipped > 0 and 2 * #entries or n - #ids
  end
  return ids, bodies
end
