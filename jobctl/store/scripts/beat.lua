-- Says that a process is alive, on Redis's clock.
-- KEYS: processes beats
-- ARGV: name, state (JSON)
-- Returns: the time of the beat (epoch ms)
-- Cost: O(log processes)

local now = time_ms()
redis.call('HDEL', K.processes, ARGV[1]) -- allowed at maxmemory, and so then is what follows: a full server kills nobody
redis.call('HSET', K.processes, ARGV[1], ARGV[2])
redis.call('ZADD', K.beats, now, ARGV[1])
return now
