-- Adds jobs; safe to repeat: a known id is left alone.
-- INCLUDE: _enqueue
-- KEYS: ready bodies ordered priorities wake delayed retrying records archive completed cancelled remembered crashes queues due token logs
-- ARGV: queue, then for each job: id, body, priority, due ('0' now | '+N' ms from now | 'N' epoch ms)
-- Returns: the indexes (from 0) of the ids that were known already
-- Cost: O(jobs), at most 1,000 a call

local jobs = {}
for i = 2, #ARGV do jobs[i - 1] = ARGV[i] end
return enqueue_jobs(K, ARGV[1], jobs)
