-- Whose attempt is the current one.
-- INCLUDE: _budget
-- KEYS: running

-- The attempts of a slice of rows in ARGV (each begins with an id and a token) whose token is the current one: their ids,
-- and where each is in ARGV. Adds the indexes (from 0, as of the row at `first`) of the others to `late`. An attempt may
-- come twice. O(#rows).
local function current_of(k, first, from, to, width, late)
  local ids, places, current = column(from, to, width), {}, {}
  for i, reservation in ipairs(redis.call('HMGET', k.running, unpack(ids))) do
    local id, at = ids[i], from + (i - 1) * width
    local token = ARGV[at + 1] .. '|'
    if reservation and string.sub(reservation, 1, #token) == token then
      current[#current + 1], places[#places + 1] = id, at
    else
      late[#late + 1] = (at - first) / width
    end
  end
  return current, places
end
