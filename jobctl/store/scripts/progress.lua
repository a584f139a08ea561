-- Writes how far attempts are, as long as they hold their jobs.
-- INCLUDE: _token
-- KEYS: progress
-- ARGV: for each job: id, token, progress (JSON)
-- Returns: the indexes (from 0) of the attempts that are no longer current; nothing was changed for them
-- Cost: O(jobs)

local late = {}
for i = 1, #ARGV, 3 do
  if holds(K, ARGV[i], ARGV[i + 1]) then
    redis.call('HSET', K.progress, ARGV[i], ARGV[i + 2])
  else
    late[#late + 1] = (i - 1) / 3
  end
end
return late
