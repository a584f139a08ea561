-- Dead letters and their groups. A group's key is computed here: groups .. ':' .. group.
-- KEYS: dead groups

-- Adds a dead letter to its group's index.
local function bury_in_group(k, id, group, info, score)
  redis.call('ZADD', k.dead, score, id)
  redis.call('ZADD', k.groups .. ':' .. group, score, id)
  redis.call('HSETNX', k.groups, group, info)
end

-- Takes a dead letter out of its group; an empty group disappears. Returns true if it was dead in that group: it may
-- have been retried since the caller looked, and be dead again for another reason.
local function unbury(k, id, group)
  local members = k.groups .. ':' .. group
  if redis.call('ZREM', members, id) == 0 then return false end
  redis.call('ZREM', k.dead, id)
  if redis.call('EXISTS', members) == 0 then redis.call('HDEL', k.groups, group) end
  return true
end

-- As unbury, for many dead letters of one group; in_row says that they stand in a row in its index. O(#ids).
local function unbury_all(k, ids, group, in_row)
  local members = k.groups .. ':' .. group
  redis.call('ZREM', k.dead, unpack(ids))
  if in_row then
    local first = redis.call('ZRANK', members, ids[1])
    redis.call('ZREMRANGEBYRANK', members, first, first + #ids - 1)
  else
    redis.call('ZREM', members, unpack(ids))
  end
  if redis.call('EXISTS', members) == 0 then redis.call('HDEL', k.groups, group) end
end
