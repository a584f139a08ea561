-- Dead letters and their groups. A group's key is computed here: groups .. ':' .. group.
-- INCLUDE: _budget
-- INCLUDE-LATE: _counted
-- KEYS: dead groups index

local has_indexes

-- Counts dead letters that came or went by their values, where these are indexed.
local function tally(k, ids, info, step)
  if has_indexes == nil then has_indexes = redis.call('EXISTS', k.index) == 1 end
  if has_indexes then late().tally_dead(k, ids, info, step) end
end

-- Adds a dead letter to its group's index.
local function join_group(k, id, group, info, score)
  redis.call('ZADD', k.groups .. ':' .. group, score, id)
  redis.call('HSETNX', k.groups, group, info)
  tally(k, { id }, info, 1)
end

-- Makes a dead letter of a job that is not live.
local function bury_in_group(k, id, group, info, score)
  redis.call('ZADD', k.dead, score, id)
  join_group(k, id, group, info, score)
end

-- Takes dead letters out of a group, which disappears when it is empty; in_row says that they stand in a row in its
-- index. O(#ids).
local function unbury(k, ids, group, in_row)
  if #ids == 0 then return end
  local members = k.groups .. ':' .. group
  redis.call('ZREM', k.dead, unpack(ids))
  if in_row then
    local first = redis.call('ZRANK', members, ids[1])
    redis.call('ZREMRANGEBYRANK', members, first, first + #ids - 1)
  else
    redis.call('ZREM', members, unpack(ids))
  end
  if redis.call('EXISTS', k.index) == 1 then tally(k, ids, redis.call('HGET', k.groups, group), -1) end
  if redis.call('EXISTS', members) == 0 then redis.call('HDEL', k.groups, group) end
end

-- Of letters that are given with their groups, those that are dead in them: group -> ids. They may have been retried
-- since the caller looked, and be dead again for another reason. Where no group is given, it is left out, and so is what
-- died after `latest` (epoch ms), if that is given. O(#ids).
local function still_dead(k, ids, groups, latest)
  local given, found, seen = {}, {}, {}
  for i, id in ipairs(ids) do
    local group = groups[i]
    if group ~= '' and not seen[id] then
      seen[id] = true
      given[group] = given[group] or {}
      table.insert(given[group], id)
    end
  end
  for group, members in pairs(given) do
    found[group] = {}
    for i, score in ipairs(redis.call('ZMSCORE', k.groups .. ':' .. group, unpack(members))) do
      if score and (not latest or tonumber(score) <= latest) then table.insert(found[group], members[i]) end
    end
  end
  return found
end

-- Goes through the letters of groups, the oldest first: calls take(ids, group) with slices of at most `limit` in all,
-- from those that died in a time span. `passed` letters of the first group are left out. take returns how many it left
-- where they were. Returns how many letters it went through, how many groups are done, and how many of the next one's
-- letters were left where they were.
local function each_group(k, groups, span, limit, passed, take)
  local gone, done = 0, 0
  for _, group in ipairs(groups) do
    while true do
      local want = affordable(gone, limit - gone)
      if want == 0 then return gone, done, passed end
      local ids = redis.call('ZRANGEBYSCORE', k.groups .. ':' .. group, span[1], span[2], 'LIMIT', passed, want)
      if #ids > 0 then passed = passed + take(ids, group) end
      gone = gone + #ids
      if #ids < want then break end
    end
    done, passed = done + 1, 0
  end
  return gone, done, passed
end
