-- Begins an operation: a change of jobs that is written down. The oldest ones that are over make room for it.
-- KEYS: operations operating
-- ARGV: id, how many operations are kept, how many chunks of jobs it has for others to carry it on ('' if a terminal does
--       it), then its fields: 'intent', what it is to do, name, value, …
-- Returns: 1, also to a client that repeats the call; 0 if there is another of that id; -1 if not all of its jobs are there
-- Cost: O(fields), and at most 40 old operations

local LOOKED_AT = 40 -- of the oldest: some of them may still be under way

local key = K.operations .. ':' .. ARGV[1]
if redis.call('EXISTS', key) == 1 then return redis.call('HGET', key, 'intent') == ARGV[5] and 1 or 0 end
if ARGV[3] ~= '' and redis.call('LLEN', key .. ':jobs') ~= tonumber(ARGV[3]) then return -1 end
redis.call('DEL', key) -- first, since Redis at maxmemory refuses a script whose first write needs memory
local room = redis.call('ZCARD', K.operations) - tonumber(ARGV[2]) + 1
for _, old in ipairs(room > 0 and redis.call('ZRANGE', K.operations, 0, LOOKED_AT - 1) or {}) do
  local its = K.operations .. ':' .. old
  local state = redis.call('HGET', its, 'state')
  if room > 0 and state ~= 'running' and state ~= 'paused' then
    redis.call('UNLINK', its, its .. ':jobs', its .. ':open', its .. ':done')
    redis.call('ZREM', K.operations, old)
    room = room - 1
  end
end
local now = time_ms()
redis.call('HSET', key, 'state', 'running', 'began', now, 'seen', now, unpack(ARGV, 4))
redis.call('ZADD', K.operations, now, ARGV[1])
if ARGV[3] ~= '' then
  redis.call('HSET', key, 'chunks', ARGV[3], 'at', '0 0', 'used', now)
  redis.call('PERSIST', key .. ':jobs')
  redis.call('SADD', K.operating, ARGV[1])
end
return 1
