-- One look of an idle worker at all its queues: is there anything that no wake-up told it of?
-- KEYS: due
-- KEYS-EACH: ready ordered stock_delayed
-- ARGV: none
-- Returns: {now, next due time of any queue (ms, 0 if none), 1 if something waits or is due, 1 if a .DQ inbox is not empty}
-- Cost: O(queues), in four commands

local now = time_ms()
local keys, inboxes = {}, {}
for i = 2, #KEYS do keys[#keys + 1] = KEYS[i] end
local next_due = redis.call('ZRANGE', K.due, 0, 0, 'WITHSCORES')[2]
next_due = next_due and math.floor(tonumber(next_due)) or 0
local some = redis.call('EXISTS', unpack(keys))
local inbox = 0
if some > 0 then
  for _, k in ipairs(Q) do inboxes[#inboxes + 1] = k.stock_delayed end
  inbox = redis.call('EXISTS', unpack(inboxes))
end
local waits = some > inbox or (next_due > 0 and next_due <= now)
return { now, next_due, waits and 1 or 0, inbox > 0 and 1 or 0 }
