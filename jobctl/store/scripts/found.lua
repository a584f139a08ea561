-- Says which layout a namespace has. One in which jobctl has written nothing yet is given the newest, and a notice for
-- programs of layout 1, which know no number: to them everything is paused.
-- ANY-LAYOUT
-- KEYS: queues stock_queues token due notice processes beats cursors events audit
-- ARGV: the newest layout, the notice
-- Returns: the layout
-- Cost: O(1)

local found = redis.call('GET', KEYS[1])
if found then return found end
local marks = redis.call('EXISTS', K.queues, K.stock_queues, K.token, K.due, K.notice, K.processes, K.beats, K.cursors,
  K.events, K.audit)
if marks > 0 then return '1' end
redis.call('SET', KEYS[1], ARGV[1])
redis.call('HSET', K.notice, '*', ARGV[2])
return ARGV[1]
