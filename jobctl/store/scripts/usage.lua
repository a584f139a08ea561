-- Says what limits allow at this moment, how much of them is used, and when the next job may start. Changes nothing.
-- INCLUDE: _due _limits _lanes _rates
-- ARGV: how many go before the next, buckets
-- Returns: for each bucket {used, when the next may start (epoch ms; 0: now), what its limit allows ('' if there is no such
--          limit), until when that was set by hand (epoch ms; 0: until reset; -1: it is the catalog's), by whom}
-- Cost: O(buckets)

local now, ahead = time_exact(), tonumber(ARGV[1])

local function use_of(bucket, spec)
  if is_concurrency(bucket) then return tonumber(redis.call('HGET', sub(K, 'slots'), bucket) or '0'), 0 end
  local counter = COUNTERS[spec.window]
  local state = read_rate(K, spec, bucket, now)
  local room, later = counter.room(state, spec, now)
  local till = math.max(room < 1 and later or 0, penalty_of(K, bucket, now) or 0)
  if till > 0 then till = till + counter.time_of(spec, ahead) end
  return counter.used(state, spec, now), math.ceil(till)
end

local out = {}
for i = 1, #ARGV - 1 do
  local bucket = ARGV[i + 1]
  local spec = spec_of(K, limit_of(bucket), now)
  if spec then
    local used, till = use_of(bucket, spec)
    out[i] = { used, till, spec.text, spec.set_until or -1, spec.set_by or '' }
  else
    out[i] = { 0, 0, '', -1, '' }
  end
end
return out
