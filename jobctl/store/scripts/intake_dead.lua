-- Takes in what stock workers left dead: from .XQ to jobctl's dead letters, with a record made of its options.
-- KEYS: stock_dead stock_dead_bodies archive records dead groups stock_queues
-- ARGV: queue, then for each message: id, body, record, group, group info, died_at (epoch ms)
-- Returns: how many were taken in
-- Cost: O(messages)

local taken = 0
for i = 2, #ARGV, 6 do
  local id = ARGV[i]
  if redis.call('ZREM', K.stock_dead, id) == 1 then
    redis.call('HDEL', K.stock_dead_bodies, id)
    redis.call('HSET', K.archive, id, ARGV[i + 1])
    redis.call('HSET', K.records, id, ARGV[i + 2])
    bury_in_group(K, id, ARGV[i + 3], ARGV[i + 4], ARGV[i + 5])
    taken = taken + 1
  end
end
redis.call('SADD', K.stock_queues, ARGV[1])
return taken
