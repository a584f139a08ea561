-- Takes one tick of a schedule: advances its cursor and enqueues its job in the same step, if the tick is newer.
-- INCLUDE: _enqueue
-- KEYS: cursors
-- ARGV: schedule, tick (epoch ms), queue, id, body, priority, due ('0' now | '+N' ms from now), extra ('' | JSON, see _enqueue)
-- Returns: 1 if this call enqueued it, 0 if the tick had been taken, -1 if the schedule is paused, 2 if another job holds
--          its unique key
-- Cost: O(1)

local cursor = redis.call('HGET', K.cursors, ARGV[1])
local paused = redis.call('HEXISTS', K.cursors, ARGV[1] .. '|paused') == 1
if cursor and tonumber(cursor) >= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', K.cursors, ARGV[1], ARGV[2])
if paused then return -1 end
local said = enqueue_jobs(K, ARGV[3], { ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8] })
if said[2] == 'skipped' or said[2] == 'conflict' then return 2 end
redis.call('HSET', K.cursors, ARGV[1] .. '|job', ARGV[4])
return 1
