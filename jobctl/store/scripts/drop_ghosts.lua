-- Forgets jobs whose body is gone: another program deleted it, and left their ids behind. One that has its body, runs, or
-- waits in the list is left alone: that is done when it ends, or when a fetch comes to its entry.
-- INCLUDE: _budget _live _ended _due _take_out _groups _attempts _forget
-- KEYS: bodies archive expiring
-- ARGV: queue, then for each job: id, its group ('' if it is not dead)
-- Returns: {how many jobs were gone through, how many of them were forgotten}
-- Cost: O(jobs), within the budget

local queue, now, gone = ARGV[1], time_ms(), 0

local done = each_slice(2, 2, function(from, to)
  local ids = column(from, to, 2)
  local taken = fitting_to_drop(K, ids)
  for i = taken + 1, #ids do ids[i] = nil end
  local places = places_of(K, ids)
  local ends, scores = ends_of(K, ids)
  local live, archived = redis.call('HMGET', K.bodies, unpack(ids)), redis.call('HMGET', K.archive, unpack(ids))
  for i, id in ipairs(ids) do
    local row = places[i]
    if row == LISTED then row = ends[i] end
    if row and not row.hash and not live[i] and not archived[i] then
      take_from(K, queue, row, { id })
      if row.key == 'dead' then unbury(K, { id }, ARGV[from + 2 * i - 1], false) end
      forget(K, row, { id }, { scores[i] or 0 }, now, 0)
      redis.call('ZREM', K.expiring, id)
      gone = gone + 1
    end
  end
  return taken
end)
if gone > 0 then refresh_due(K, queue) end
return { done, gone }
