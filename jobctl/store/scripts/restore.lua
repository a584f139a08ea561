-- Brings jobs back from the trash: discarded dead letters are dead again; emptied jobs wait again, or for their time.
-- INCLUDE: _due _unique _groups _revive _ready
-- KEYS: trash emptied emptied_due delayed retrying
-- ARGV: queue, then for each job: id, group, group info, died_at ms (of use only for a dead letter)
-- Returns: for each job 1 if it was restored, 0 if it was not in the trash
-- Cost: O(jobs)

local done, lives, back = {}, {}, {}

-- Gives an emptied job its time back. Returns false if it had none, or it is past.
local function wait_for_due(id)
  local kept = redis.call('HGET', K.emptied_due, id)
  if not kept then return false end
  redis.call('HDEL', K.emptied_due, id)
  local state, at = string.match(kept, '^(%a+)|(.+)$')
  if tonumber(at) <= time_ms() then return false end
  redis.call('ZADD', state == 'retrying' and K.retrying or K.delayed, at, id)
  due_by(K, ARGV[1], tonumber(at))
  return true
end

for i = 2, #ARGV, 4 do
  local id, group = ARGV[i], ARGV[i + 1]
  local restored = 0
  if redis.call('ZREM', K.trash, id) == 1 then
    bury_in_group(K, id, group, ARGV[i + 2], ARGV[i + 3])
    restored = 1
  elseif redis.call('ZSCORE', K.emptied, id) and revive_body(K, id) then
    redis.call('ZREM', K.emptied, id)
    lives[#lives + 1] = id
    if not wait_for_due(id) then back[#back + 1] = id end
    restored = 1
  end
  done[#done + 1] = restored
end
reclaim_keys(K, lives)
push_ready(K, back, false)
return done
