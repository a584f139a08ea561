-- Moves dead letters to the trash, from which they can be restored until they expire.
-- INCLUDE: _groups
-- KEYS: trash
-- ARGV: ttl_ms, then for each job: id, group
-- Returns: for each job 1 if it was discarded, 0 if it was not dead any more
-- Cost: O(jobs)

local expires = time_ms() + tonumber(ARGV[1])
local done = {}
for i = 2, #ARGV, 2 do
  if unbury(K, ARGV[i], ARGV[i + 1]) then
    redis.call('ZADD', K.trash, expires, ARGV[i])
    done[#done + 1] = 1
  else
    done[#done + 1] = 0
  end
end
return done
