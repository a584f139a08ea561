-- Moves dead letters to the trash, from which they can be restored until they expire: those that are named, or those of
-- groups, the oldest first.
-- INCLUDE: _budget _archive _groups
-- INCLUDE-LATE: _undo
-- KEYS: trash
-- ARGV: queue, operation ('' for none), ttl_ms, 'ids', then for each job: id, group
--       queue, operation, ttl_ms, 'groups', limit, from, to (died_at, as ZRANGEBYSCORE takes it), then the groups
-- Returns: ids: {how many jobs were gone through, for each of them 1 if it was discarded, 0 if it was no longer dead}
--          groups: {discarded, 0, groups that are done, 0}
-- Cost: O(jobs + groups), within the budget

local expires = time_ms() + tonumber(ARGV[3])

local function discard(ids, group, in_row)
  unbury(K, ids, group, in_row) -- first: at maxmemory the first write must not need memory
  add_scored(K.trash, ids, expires)
  if ARGV[2] ~= '' then late().keep_for_undo(K, ARGV[2], ARGV[1], ids) end
  return 0
end

if ARGV[4] == 'groups' then
  local groups = { unpack(ARGV, 8) }
  local gone, done = each_group(K, groups, { ARGV[6], ARGV[7] }, tonumber(ARGV[5]), 0, function(ids, group)
    return discard(ids, group, true)
  end)
  return { gone, 0, done, 0 }
end

local out = { 0 }
out[1] = each_slice(5, 2, function(from, to)
  local ids, groups, gone = column(from, to, 2), column(from + 1, to, 2), {}
  for group, members in pairs(still_dead(K, ids, groups)) do
    discard(members, group, false)
    for _, id in ipairs(members) do gone[id] = true end
  end
  for _, id in ipairs(ids) do
    out[#out + 1] = gone[id] and 1 or 0
    gone[id] = nil
  end
end)
return out
