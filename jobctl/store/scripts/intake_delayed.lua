-- Takes in what a stock producer delayed: from its .DQ inbox to the delayed set, body untouched.
-- INCLUDE: _budget _due _alias
-- KEYS: stock_delayed stock_delayed_bodies bodies archive delayed queues
-- ARGV: queue, then for each message: id, eta (epoch ms), its own id ('' if the job's id is that)
-- Returns: {how many messages were gone through, how many of them were taken in}
-- Cost: O(messages), within the budget; one that is not among the first 1,000 of the inbox is left for later

local taken, first, waits = 0, nil, {}
-- Another process may have taken one: without this, looking for what is gone would walk the whole inbox.
for _, id in ipairs(redis.call('LRANGE', K.stock_delayed, 0, 999)) do waits[id] = true end

local function take(id, eta, message_id)
  if not waits[id] or redis.call('LREM', K.stock_delayed, 1, id) == 0 then return end
  local body = redis.call('HGET', K.stock_delayed_bodies, id)
  redis.call('HDEL', K.stock_delayed_bodies, id)
  local known = redis.call('HEXISTS', K.bodies, id) == 1 or redis.call('HEXISTS', K.archive, id) == 1
  if not body or known then return end
  spend_bytes({ body }, WRITTEN)
  redis.call('HSET', K.bodies, id, body)
  redis.call('ZADD', K.delayed, eta, id)
  name_job(K, id, message_id)
  if not first or eta < first then first = eta end
  taken = taken + 1
end

local done = each_slice(2, 3, function(from, to)
  for at = from, to, 3 do take(ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2]) end
end)
if first then
  redis.call('SADD', K.queues, ARGV[1])
  due_by(K, ARGV[1], first)
end
return { done, taken }
