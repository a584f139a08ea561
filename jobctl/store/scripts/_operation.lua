-- A change of jobs that supervisors and schedulers carry on, one at a time, each step with the place where it stands.
-- `at` is CHUNK PLACE: how many chunks of its list of jobs are done, and how many jobs of the next one. A job that it has
-- released is among the open ones until its first attempt has ended, with how many attempts it had had before.
-- KEYS: operations

local MOST_OPEN = 10000 -- released jobs whose outcome is waited for; of more, no outcome is counted
local CREDIT_MS = 1000 -- so much of a rate that was not used may be made up for

-- Whether an operation runs, is this carrier's to carry on, and stands where the carrier thinks.
local function may_step(k, id, carrier, at)
  local found = redis.call('HMGET', k.operations .. ':' .. id, 'state', 'carrier', 'at')
  return found[1] == 'running' and found[2] == carrier and found[3] == at
end

-- From when on the jobs that a rate allows now are counted: `every` ms there is one.
local function rate_from(every, used, now) return math.max(used, now - math.max(CREDIT_MS, every)) end

-- Notes a step: so many jobs were gone through, of a chunk of `size`. `released`: field, attempts, ….
local function step(k, id, gone, size, released, failed)
  local key, now, count = k.operations .. ':' .. id, time_exact(), #released / 2
  local found = redis.call('HMGET', key, 'at', 'every', 'used')
  local chunk, place = string.match(found[1], '^(%d+) (%d+)$')
  place = tonumber(place) + gone
  if place >= size then chunk, place = chunk + 1, 0 end
  redis.call('HDEL', key, 'at') -- first, since Redis at maxmemory refuses a script whose first write needs memory
  redis.call('HSET', key, 'at', string.format('%d %d', chunk, place), 'seen', time_ms())
  redis.call('HINCRBY', key, 'changed', count)
  redis.call('HINCRBY', key, 'failed', failed)
  redis.call('HINCRBY', key, 'skipped', gone - count - failed)
  if found[2] then
    local every = tonumber(found[2])
    redis.call('HSET', key, 'used', string.format('%.3f', rate_from(every, tonumber(found[3]), now) + count * every))
  end
  local room = math.min(count, MOST_OPEN - redis.call('HLEN', key .. ':open'))
  if room > 0 then redis.call('HSET', key .. ':open', unpack(released, 1, room * 2)) end
end
