-- Taking jobs without limits and priority from the list in which they wait.
-- INCLUDE: _live _bodies _work
-- INCLUDE-LATE: _list
-- KEYS: ready stale

local MOST = 500 -- values that one command is given
local ENTRY = 6 + RESERVED -- what one costs out of the list until it is reserved
local dropped = 0 -- entries of the list that this call found to belong to no waiting job

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
  if skipped > 0 then late().uncount(k, skipped) end
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
