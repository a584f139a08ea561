-- Takes in what stock workers left dead: from .XQ to jobctl's dead letters, with a record made of its options. A message
-- whose job is known already only leaves the inbox.
-- INCLUDE: _groups
-- KEYS: stock_dead stock_dead_bodies bodies archive records stock_queues
-- ARGV: queue, then for each message: its id in the inbox, the job's id, body, record, group, group info, died_at (epoch ms)
-- Returns: how many were taken in
-- Cost: O(messages)

local taken, now = 0, time_ms() -- nothing died in the future: a bulk change would pass it over
for i = 2, #ARGV, 7 do
  local stock_id, id = ARGV[i], ARGV[i + 1]
  if redis.call('ZREM', K.stock_dead, stock_id) == 1 then
    redis.call('HDEL', K.stock_dead_bodies, stock_id)
    if redis.call('HEXISTS', K.bodies, id) == 0 and redis.call('HEXISTS', K.archive, id) == 0 then
      redis.call('HSET', K.archive, id, ARGV[i + 2])
      redis.call('HSET', K.records, id, ARGV[i + 3])
      bury_in_group(K, id, ARGV[i + 4], ARGV[i + 5], math.min(tonumber(ARGV[i + 6]), now))
      taken = taken + 1
    end
  end
end
redis.call('SADD', K.stock_queues, ARGV[1])
return taken
