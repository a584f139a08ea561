-- Notes how jobs that an operation released have fared: their first attempt afterwards. It is stopped when a canary fails, or
-- when too many do.
-- KEYS: operations
-- ARGV: id, then for each job: QUEUE ID, outcome ('completed' | 'again': it failed | 'none': it was cancelled or taken away)
-- Returns: 1 if the operation is stopped by this, else 0
-- Cost: O(jobs), at most 500

local LOOKS_AFTER = 20 -- outcomes, before too many can have failed

local key = K.operations .. ':' .. ARGV[1]
local counted = { completed = 0, again = 0, none = 0 }
for at = 2, #ARGV, 2 do
  if redis.call('HDEL', key .. ':open', ARGV[at]) == 1 then counted[ARGV[at + 1]] = counted[ARGV[at + 1]] + 1 end
end
if redis.call('EXISTS', key) == 0 then return 0 end
redis.call('HINCRBY', key, 'none', counted.none)
local completed = redis.call('HINCRBY', key, 'completed', counted.completed)
local again = redis.call('HINCRBY', key, 'again', counted.again)
local op = redis.call('HMGET', key, 'state', 'canary', 'failing', 'base_completed', 'base_again', 'none', 'base_none')
if op[1] ~= 'running' then return 0 end
completed, again = completed - tonumber(op[4] or '0'), again - tonumber(op[5] or '0')
local canary, failing, all = tonumber(op[2] or '0'), op[3] and tonumber(op[3]) or math.huge, completed + again
local why
if canary > 0 then
  if again > 0 then
    why = string.format('a canary failed again: %d of %d', again, all)
  elseif all + tonumber(op[6] or '0') - tonumber(op[7] or '0') >= canary then
    redis.call('HSET', key, 'canary', 0)
  end
elseif all >= LOOKS_AFTER and again * 100 >= failing * all then
  why = string.format('%d of %d failed again, which is %s%% or more', again, all, op[3])
end
if not why then return 0 end
redis.call('HSET', key, 'state', 'stopped', 'why', why, 'ended', time_ms())
return 1
