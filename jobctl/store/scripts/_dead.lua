-- Dead letters: their groups, and how their bodies come back to life.

-- Adds a dead letter to its group's index. The group's key is the one key computed here: groups .. ':' .. group.
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

-- A stock message that runs again says so in its timestamp, by which stock workers judge its age. The timestamp is the
-- last field of every body, so the tail is rewritten as text; a body of another shape stays as it is.
local function renewed(id, body, now)
  if #id == MINTED_LENGTH then return body end
  local at = string.find(string.sub(body, -50), '"message_timestamp": ?%d+}$')
  if not at then return body end
  return string.sub(body, 1, math.max(0, #body - 50) + at - 1) .. string.format('"message_timestamp":%.0f}', now)
end

-- Nobody would ever delete the records of jobs that only stock workers run. O(#ids).
local function drop_records_of_stock(k, queue, ids)
  if #ids > 0 and redis.call('SISMEMBER', k.queues, queue) == 0 then redis.call('HDEL', k.records, unpack(ids)) end
end

-- An archived body becomes live again.
local function revive_body(k, id)
  local body = redis.call('HGET', k.archive, id)
  if not body then return false end
  redis.call('HSET', k.bodies, id, renewed(id, body, time_ms()))
  redis.call('HDEL', k.archive, id)
  redis.call('HDEL', k.crashes, id)
  return true
end
