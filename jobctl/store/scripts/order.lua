-- Tells a live process what is wanted of it, from its next heartbeat on.
-- KEYS: beats orders
-- ARGV: the process's name, then name and value of each order; an empty value takes an order back
-- Returns: 1, or 0 for a process that has left
-- Cost: O(orders)

if not redis.call('ZSCORE', K.beats, ARGV[1]) then return 0 end
for at = 2, #ARGV, 2 do
  local field = ARGV[1] .. '|' .. ARGV[at]
  if ARGV[at + 1] == '' then redis.call('HDEL', K.orders, field)
  else redis.call('HSET', K.orders, field, ARGV[at + 1]) end
end
return 1
