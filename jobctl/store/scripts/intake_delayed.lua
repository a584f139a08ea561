-- Takes in what a stock producer delayed: from its .DQ inbox to the delayed set, body untouched.
-- INCLUDE: _due
-- KEYS: stock_delayed stock_delayed_bodies bodies archive delayed queues
-- ARGV: queue, then for each message: id, eta (epoch ms)
-- Returns: how many were taken in
-- Cost: O(messages); one that is not among the first 1,000 of the inbox is left for later

local taken, first = 0, nil
for i = 2, #ARGV, 2 do
  local id, eta = ARGV[i], tonumber(ARGV[i + 1])
  -- Another process may have taken it: without the bound, looking for what is gone would walk the whole inbox.
  local here = redis.call('LPOS', K.stock_delayed, id, 'MAXLEN', 1000)
  if here and redis.call('LREM', K.stock_delayed, 1, id) == 1 then
    local body = redis.call('HGET', K.stock_delayed_bodies, id)
    redis.call('HDEL', K.stock_delayed_bodies, id)
    local known = redis.call('HEXISTS', K.bodies, id) == 1 or redis.call('HEXISTS', K.archive, id) == 1
    if body and not known then
      redis.call('HSET', K.bodies, id, body)
      redis.call('ZADD', K.delayed, eta, id)
      if not first or eta < first then first = eta end
      taken = taken + 1
    end
  end
end
if first then
  redis.call('SADD', K.queues, ARGV[1])
  due_by(K, ARGV[1], first)
end
return taken
