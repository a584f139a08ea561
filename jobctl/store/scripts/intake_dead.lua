-- Takes in what stock workers left dead: from .XQ to jobctl's dead letters, with a record made of its options. A message
-- whose job is known already only leaves the inbox.
-- INCLUDE: _budget _attempts _groups _alias _index _counted
-- KEYS: stock_dead stock_dead_bodies bodies archive records stock_queues
-- ARGV: queue, then for each message: its id in the inbox, the job's id, body, record, group, group info, died_at (epoch
--       ms), attempt ('' if its options tell of none), its traceback, the message's own id ('' if the job's id is
--       that), its type, its entries in indexes as JSON (see _index)
-- Returns: {how many messages were gone through, how many of them were taken in}
-- Cost: O(messages), within the budget

local taken, now = 0, time_ms() -- nothing died in the future: a bulk change would pass it over

local values, left = {}, {}

local function take(at)
  local stock_id, id = ARGV[at], ARGV[at + 1]
  if redis.call('ZREM', K.stock_dead, stock_id) == 0 then return end
  redis.call('HDEL', K.stock_dead_bodies, stock_id)
  if redis.call('HEXISTS', K.bodies, id) == 1 or redis.call('HEXISTS', K.archive, id) == 1 then return end
  spend_bytes({ ARGV[at + 2], ARGV[at + 3] }, WRITTEN)
  redis.call('HSET', K.archive, id, ARGV[at + 2])
  redis.call('HSET', K.records, id, ARGV[at + 3])
  add_attempts(K, { id }, { at }, 7, true)
  bury_in_group(K, id, ARGV[at + 4], ARGV[at + 5], math.min(tonumber(ARGV[at + 6]), now))
  name_job(K, id, ARGV[at + 9])
  take_values(K, values, left, id, ARGV[at + 10], ARGV[at + 11])
  taken = taken + 1
end

local done = each_slice(2, 12, function(from, to)
  for at = from, to, 12 do take(at) end
end)
write_counted(K, values)
leave_out(K, left)
redis.call('SADD', K.stock_queues, ARGV[1])
return { done, taken }
