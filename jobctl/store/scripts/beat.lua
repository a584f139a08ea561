-- Says that a process is alive, on Redis's clock, and hears what is wanted of it.
-- KEYS: processes beats orders operating
-- ARGV: name, state (JSON), names of orders
-- Returns: the time of the beat (epoch ms), how many operations are to be carried on, and the value of each order, if
--          there is one
-- Cost: O(log processes)

local now = time_ms()
redis.call('HDEL', K.processes, ARGV[1]) -- allowed at maxmemory, and so then is what follows: a full server kills nobody
redis.call('HSET', K.processes, ARGV[1], ARGV[2])
redis.call('ZADD', K.beats, now, ARGV[1])
local fields = {}
for at = 3, #ARGV do fields[#fields + 1] = ARGV[1] .. '|' .. ARGV[at] end
local wanted = redis.call('HMGET', K.orders, unpack(fields))
return {now, redis.call('SCARD', K.operating), unpack(wanted, 1, #fields)}
