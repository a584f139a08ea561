-- Adds jobs; safe to repeat: a known id is left alone.
-- INCLUDE: _enqueue
-- KEYS: paused
-- ARGV: queue, job types in this call (one a line), then for each job: id, body, priority, due ('0' now | '+N' ms from now |
--       'N' epoch ms), extra ('' | JSON, see _enqueue), mark (see _stats)
-- Returns: {how many jobs were gone through, then for each that was not simply enqueued: index (from 0), what, the other
--          job's id}, or {-1, the name of the pause that closes the queue to producers}: nothing was enqueued then
-- Cost: O(jobs), within the budget; at most 1,000 a call

-- The name of a pause that closes the queue, one of the types, or everything to producers; nil if there is none.
local function closed()
  if redis.call('EXISTS', K.paused) == 0 then return nil end
  local now = time_ms()
  local names = { '*', ARGV[1] }
  for job_type in string.gmatch(ARGV[2], '[^\n]+') do names[#names + 1] = 'type|' .. job_type end
  for i, pause in ipairs(redis.call('HMGET', K.paused, unpack(names))) do
    local till, mark = string.match(pause or '', '^(%d+)(!?)')
    if mark == '!' and (till == '0' or tonumber(till) > now) then return names[i] end
  end
end

local by = closed()
if by then return { -1, by } end
return enqueue_jobs(K, ARGV[1], ARGV, 3, ARGV[2])
