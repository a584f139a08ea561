-- Notes how far an operation has come, or moves it to another state, if it is in one that it may leave for that.
-- KEYS: operations
-- ARGV: id, the states that it may be in ('running paused'), then its fields: name, value, …
-- Returns: the state that it was in; '' if there is no such operation. Nothing is changed if that is none of the given ones.
-- Cost: O(fields)

local key = K.operations .. ':' .. ARGV[1]
local state = redis.call('HGET', key, 'state') or ''
if state == '' or not string.find(' ' .. ARGV[2] .. ' ', ' ' .. state .. ' ', 1, true) then return state end
redis.call('HDEL', key, 'seen') -- first, since Redis at maxmemory refuses a script whose first write needs memory
redis.call('HSET', key, 'seen', time_ms(), unpack(ARGV, 3))
return state
