-- Pauses, resumes or aborts an operation that is carried on in the background. What was released before it is resumed counts no
-- more for its canary and for how many fail.
-- KEYS: operations operating
-- ARGV: id, order ('pause' | 'resume' | 'abort'), why
-- Returns: {1, the new state}; {0, its state} if that does not allow it, or ('terminal') if a terminal does it; {0, ''} if
--          there is none of that id
-- Cost: O(1); O(open jobs) to resume

local leaves = { pause = 'running', resume = 'paused stopped', abort = 'running paused stopped' }
local becomes = { pause = 'paused', resume = 'running', abort = 'aborted' }

local key, order, now = K.operations .. ':' .. ARGV[1], ARGV[2], time_ms()
local op = redis.call('HMGET', key, 'state', 'at', 'changed', 'completed', 'again', 'none')
if not op[1] then return { 0, '' } end
if not op[2] then return { 0, op[1] == 'running' and 'terminal' or op[1] } end
if not string.find(' ' .. leaves[order] .. ' ', ' ' .. op[1] .. ' ', 1, true) then return { 0, op[1] } end
redis.call('HDEL', key, 'ended') -- first, since Redis at maxmemory refuses a script whose first write needs memory
redis.call('HSET', key, 'state', becomes[order], 'why', ARGV[3], 'seen', now)
if order == 'resume' then
  redis.call('UNLINK', key .. ':open')
  redis.call('HSET', key, 'used', now, 'base_changed', op[3] or 0, 'base_completed', op[4] or 0, 'base_again', op[5] or 0,
    'base_none', op[6] or 0)
  redis.call('SADD', K.operating, ARGV[1])
else
  redis.call('HSET', key, 'ended', now)
end
if order == 'abort' then redis.call('UNLINK', key .. ':jobs') end
return { 1, becomes[order] }
