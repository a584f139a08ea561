-- Drops dead letters that `keep` keeps no longer: the oldest of those that are more than its count, and those that died
-- longer ago than its age. One that was retried or discarded meanwhile, or is to be kept by now, is left alone.
-- INCLUDE: _budget _ended _attempts _groups _forget _settle _events
-- KEYS: dead dropped
-- ARGV: queue, keep_ms, keep_count, remember_ms (how long ids that producers chose are known), event_maxlen, then for each
--       letter, the oldest first: id, group, event
-- Returns: {how many letters were gone through, how many of them were dropped}
-- Cost: O(letters), within the budget

local now, dropped, events = time_ms(), 0, {}
local before, keep_count = now - tonumber(ARGV[2]), tonumber(ARGV[3])

-- Of letters, those that are not to be kept: whether they are, and when they died, by id.
local function past_of(ids)
  local past, died = {}, {}
  local over = redis.call('ZCARD', K.dead) - keep_count
  for i, score in ipairs(redis.call('ZMSCORE', K.dead, unpack(ids))) do
    local id = ids[i]
    died[id] = score
    past[id] = score and (tonumber(score) <= before or over > 0 and redis.call('ZRANK', K.dead, id) < over)
  end
  return past, died
end

local function drop(members, group, died)
  local scores = {}
  for i, id in ipairs(members) do scores[i] = died[id] end
  unbury(K, members, group, false)
  forget(K, DEAD, members, scores, now, tonumber(ARGV[4]))
  dropped = dropped + #members
end

local done = each_slice(6, 3, function(from, to)
  local taken = fitting_to_drop(K, column(from, to, 3))
  to = from + 3 * taken - 1
  local ids, groups, told = column(from, to, 3), column(from + 1, to, 3), {}
  local past, died = past_of(ids)
  for group, members in pairs(still_dead(K, ids, groups)) do
    local going = {}
    for _, id in ipairs(members) do
      if past[id] then going[#going + 1], told[id] = id, true end
    end
    if #going > 0 then drop(going, group, died) end
  end
  for at = from, to, 3 do
    if told[ARGV[at]] then tell(events, at, 2) end
  end
  return taken
end)
if dropped > 0 then
  redis.call('HINCRBY', K.dropped, 'count', dropped)
  redis.call('HSETNX', K.dropped, 'first', now)
  redis.call('HSET', K.dropped, 'last', now)
end
publish_events(K, events, ARGV[5])
return { done, dropped }
