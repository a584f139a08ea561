-- Retries ended jobs: dead (with their group) or cancelled ones become waiting again, under the same id.
-- KEYS: archive bodies crashes dead groups cancelled ready ordered priorities wake token
-- ARGV: for each job: id, group ('' if it is not dead)
-- Returns: for each job 1 if it was revived, 0 if it was not dead or cancelled any more or has no body
-- Cost: O(jobs)

local done, ids = {}, {}
for i = 1, #ARGV, 2 do
  local id, group = ARGV[i], ARGV[i + 1]
  local ended
  if redis.call('HEXISTS', K.archive, id) == 0 then
    ended = false -- nothing could run: it stays where it is seen
  elseif group ~= '' then
    ended = unbury(K, id, group)
  else
    ended = redis.call('ZREM', K.cancelled, id) == 1
  end
  if ended and revive_body(K, id) then
    ids[#ids + 1] = id
    done[#done + 1] = 1
  else
    done[#done + 1] = 0
  end
end
push_ready(K, ids, false)
return done
