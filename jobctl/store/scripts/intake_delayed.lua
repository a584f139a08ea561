-- Takes in what a stock producer delayed: from its .DQ inbox to the delayed set, body untouched.
-- INCLUDE: _budget _due _alias _index
-- KEYS: stock_delayed stock_delayed_bodies bodies archive delayed queues
-- ARGV: queue, then for each message: id, eta (epoch ms), its own id ('' if the job's id is that), its
--       type, its entries in indexes as JSON (see _index)
-- Returns: {how many messages were gone through, how many of them were taken in}
-- Cost: O(messages), within the budget; one that is not among the first 1,000 of the inbox is left for later

local taken, first, waits = 0, nil, {}
-- Another process may have taken one: without this, looking for what is gone would walk the whole inbox.
for _, id in ipairs(redis.call('LRANGE', K.stock_delayed, 0, 999)) do waits[id] = true end

local values, left = {}, {}

local function take(id, eta, message_id, job_type, entries)
  if not waits[id] or redis.call('LREM', K.stock_delayed, 1, id) == 0 then return end
  local body = redis.call('HGET', K.stock_delayed_bodies, id)
  redis.call('HDEL', K.stock_delayed_bodies, id)
  local known = redis.call('HEXISTS', K.bodies, id) == 1 or redis.call('HEXISTS', K.archive, id) == 1
  if not body or known then return end
  spend_bytes({ body }, WRITTEN)
  redis.call('HSET', K.bodies, id, body)
  redis.call('ZADD', K.delayed, eta, id)
  name_job(K, id, message_id)
  take_values(K, values, left, id, job_type, entries)
  if not first or eta < first then first = eta end
  taken = taken + 1
end

local done = each_slice(2, 5, function(from, to)
  for at = from, to, 5 do take(ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]) end
end)
write_values(K, values)
leave_out(K, left)
if first then
  redis.call('SADD', K.queues, ARGV[1])
  due_by(K, ARGV[1], first)
end
return { done, taken }
