-- A side effect that is to happen once, fenced by the attempt: begun, done or given up. `once:KEY` is 'run QUEUE ID TOKEN'
-- while an attempt is at it, and 'done ID VALUE' after it: no id has a space in it.
-- KEYS: once each_running
-- ARGV: step (begin | done | undo), key, queue, id, token, value, ttl_ms
-- Returns: {'mine'}, {'done', id, value}, {'busy', id} or {'late'} (the attempt is not the current one)
-- Cost: O(1)

local step, id, token = ARGV[1], ARGV[4], ARGV[5]
local key, mine = K.once .. ':' .. ARGV[2], 'run ' .. ARGV[3] .. ' ' .. id .. ' ' .. token

-- Whether the attempt that began it still runs. Its queue's hash is a computed key: each_running .. queue.
local function at_it(queue, other, its_token)
  local reservation = redis.call('HGET', K.each_running .. queue, other)
  return reservation and string.sub(reservation, 1, #its_token + 1) == its_token .. '|'
end

if not at_it(ARGV[3], id, token) then return { 'late' } end
local found = redis.call('GET', key)
if found then
  local doer, value = string.match(found, '^done (%S*) (.*)$')
  if doer then return { 'done', doer, value } end
  local queue, other, its_token = string.match(found, '^run (%S*) (%S*) (%S*)$')
  if found ~= mine and at_it(queue, other, its_token) then return { 'busy', other } end
end
if step == 'begin' then
  redis.call('SET', key, mine, 'PX', ARGV[7])
elseif found ~= mine then
  return { 'late' }
elseif step == 'done' then
  redis.call('DEL', key) -- first, since Redis at maxmemory refuses a script whose first write is a SET
  redis.call('SET', key, 'done ' .. id .. ' ' .. ARGV[6], 'PX', ARGV[7])
else
  redis.call('DEL', key)
end
return { 'mine' }
