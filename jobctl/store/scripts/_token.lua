-- Whose attempt is the current one.
-- KEYS: running

-- True if the reservation of `id` still carries `token`: the caller's attempt is the current one.
local function holds(k, id, token)
  local reservation = redis.call('HGET', k.running, id)
  return reservation and string.sub(reservation, 1, #token + 1) == token .. '|'
end
