-- Brings jobs back from the trash: discarded dead letters are dead again, emptied jobs wait again. Where a job lies
-- decides, not its group: a job that died once keeps the group in its record when it is retried and then emptied.
-- KEYS: trash emptied dead groups archive bodies crashes ready ordered priorities wake token
-- ARGV: for each job: id, group, group info, died_at ms ('' '' '' if it has none)
-- Returns: for each job 1 if it was restored, 0 if it was not in the trash
-- Cost: O(jobs)

local done, back = {}, {}
for i = 1, #ARGV, 4 do
  local id, group = ARGV[i], ARGV[i + 1]
  local restored = 0
  if group ~= '' and redis.call('ZREM', K.trash, id) == 1 then
    bury_in_group(K, id, group, ARGV[i + 2], ARGV[i + 3])
    restored = 1
  elseif redis.call('ZREM', K.emptied, id) == 1 and revive_body(K, id) then
    back[#back + 1] = id
    restored = 1
  end
  done[#done + 1] = restored
end
push_ready(K, back, false)
return done
