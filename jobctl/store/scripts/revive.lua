-- Retries ended jobs: dead or cancelled ones become waiting again, under the same id. Where a job lies decides, not its
-- group: a job that died once keeps the group in its record when it is retried and then cancelled.
-- INCLUDE: _groups _revive _unique _ready
-- KEYS: archive cancelled
-- ARGV: queue, then for each job: id, group ('' if it has none)
-- Returns: for each job 1 if it was revived, 0 if it was not dead or cancelled any more or has no body
-- Cost: O(jobs)

local done, ids = {}, {}
for i = 2, #ARGV, 2 do
  local id, group = ARGV[i], ARGV[i + 1]
  local known = redis.call('HEXISTS', K.archive, id) == 1 -- without a body nothing could run: it stays where it is seen
  local ended = known and ((group ~= '' and unbury(K, id, group)) or redis.call('ZREM', K.cancelled, id) == 1)
  if ended and revive_body(K, id) then
    ids[#ids + 1] = id
    done[#done + 1] = 1
  else
    done[#done + 1] = 0
  end
end
drop_records_of_stock(K, ARGV[1], ids)
reclaim_keys(K, ids)
push_ready(K, ids, false)
return done
