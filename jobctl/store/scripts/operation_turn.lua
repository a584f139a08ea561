-- Takes the turn to carry an operation on, or keeps it, and says how many jobs may be released now. One that has come to its
-- end is ended; one that needs nobody any more is taken off the list of those that are to be carried on.
-- INCLUDE: _operation
-- KEYS: operations operating
-- ARGV: id, who carries it on, for how long (ms), the most jobs of a step
-- Returns: {state}, or {'taken'} if another carries it on, {'ended', its new state} if it has ended now, or {'running',
--          where it stands, how many jobs may be released now, until when they had to end}
-- Cost: O(1); O(open jobs) once

local WATCHED_MS = 3600000 -- for how long after its end the outcomes of its jobs are looked at

local key, now = K.operations .. ':' .. ARGV[1], time_exact()
local open = key .. ':open'
local op = {}
local names = { 'state', 'carrier', 'lease', 'at', 'chunks', 'changed', 'failed', 'canary', 'every', 'used', 'ended', 'began',
  'base_changed', 'base_completed', 'base_again', 'completed', 'again' }
for i, value in ipairs(redis.call('HMGET', key, unpack(names))) do op[names[i]] = value or nil end

local function number(name) return tonumber(op[name] or '0') end

if not op.state then
  redis.call('SREM', K.operating, ARGV[1])
  return { 'gone' }
end
local lease = number('lease') - now -- longer than it was ever given: the clock was set back
if op.carrier and op.carrier ~= ARGV[2] and lease > 0 and lease <= tonumber(ARGV[3]) then return { 'taken' } end
redis.call('HDEL', key, 'lease') -- first, since Redis at maxmemory refuses a script whose first write needs memory
redis.call('HSET', key, 'carrier', ARGV[2], 'lease', string.format('%.0f', now + tonumber(ARGV[3])))
if op.state ~= 'running' then
  local over = now - number('ended') > WATCHED_MS
  if redis.call('EXISTS', open) == 0 or over then
    redis.call('SREM', K.operating, ARGV[1])
    redis.call('UNLINK', open)
  end
  return { op.state }
end
if tonumber(string.match(op.at, '^%d+')) >= number('chunks') then
  local state = number('failed') > 0 and 'partly' or 'done'
  redis.call('HSET', key, 'state', state, 'ended', time_ms())
  redis.call('UNLINK', key .. ':jobs')
  return { 'ended', state }
end
local may = tonumber(ARGV[4])
if number('canary') > 0 then may = math.min(may, math.max(0, number('canary') - number('changed') + number('base_changed'))) end
if op.every then
  local every, used = number('every'), number('used')
  if used > now + 1 then -- the clock was set back: the rate goes on from now
    used = now
    redis.call('HSET', key, 'used', string.format('%.3f', now))
  end
  may = math.min(may, math.max(0, math.floor((now - rate_from(every, used, now)) / every)))
end
return { 'running', op.at, may, op.began }
