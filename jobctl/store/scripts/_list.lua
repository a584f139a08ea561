-- The list of those that wait, and the entries in it that belong to no waiting job any more.
-- INCLUDE: _live
-- KEYS: bodies stale

-- Entries of the list that belonged to no waiting job were taken out. Entries that stock clients pushed twice are not
-- counted, so the count may be lower; fetch sets it right when it finds the list empty.
local function uncount(k, skipped)
  local stale = tonumber(redis.call('GET', k.stale) or '0')
  if skipped >= stale then redis.call('DEL', k.stale) else redis.call('DECRBY', k.stale, skipped) end
end

-- Of entries that were taken out of the list, those that waited there, and their bodies. Entries whose job was cancelled,
-- is somewhere else, or is in `taken` were left behind: skips and uncounts them. Adds the others to `taken`. O(#ids).
local function live_of(k, ids, taken)
  local bodies, rows = redis.call('HMGET', k.bodies, unpack(ids)), places_of(k, ids)
  local good, good_bodies, skipped, seen = {}, {}, 0, taken or {}
  for i, id in ipairs(ids) do
    if bodies[i] and rows[i] == LISTED and not seen[id] then
      seen[id] = true
      good[#good + 1] = id
      good_bodies[#good_bodies + 1] = bodies[i]
    else
      skipped = skipped + 1
    end
  end
  if skipped > 0 then uncount(k, skipped) end
  return good, good_bodies
end
