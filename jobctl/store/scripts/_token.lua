-- Whose attempt is the current one.
-- INCLUDE: _budget
-- KEYS: running

-- The attempts of a slice of rows in ARGV (each begins with an id and a token) whose token is the current one: their ids,
-- and where each is in ARGV; then, by id, those whose begin was written (see begin). Adds the indexes (from 0, as of the row
-- at `first`) of the others to `late`. An attempt may come twice. O(#rows).
local function current_of(k, first, from, to, width, late)
  local ids, places, current, begun = column(from, to, width), {}, {}, {}
  for i, reservation in ipairs(redis.call('HMGET', k.running, unpack(ids))) do
    local id, at = ids[i], from + (i - 1) * width
    local token = ARGV[at + 1] .. '|'
    if reservation and string.sub(reservation, 1, #token) == token then
      current[#current + 1], places[#places + 1] = id, at
      local bar, last = string.byte(reservation, -2, -1)
      if last ~= 32 and (last ~= 48 or bar ~= 124) then begun[id] = true end -- it ends neither in a space nor in `|0`
    else
      late[#late + 1] = (at - first) / width
    end
  end
  return current, places, begun
end
