-- Taking a live job out of where it is.
-- INCLUDE: _live _lanes
-- INCLUDE-LATE: _index
-- KEYS: bodies stale ordered

-- Takes jobs out of their place, a row of LIVE that is a sorted set. Returns the last one's sequence, if it was in a lane.
local function take_from(k, queue, row, ids)
  local sequence
  if row.key == 'limited' then
    for _, id in ipairs(ids) do sequence = unpark(k, queue, id) end
  elseif #ids > 0 then
    redis.call('ZREM', k[row.key], unpack(ids))
  end
  return sequence
end

-- Takes a job that does not run out of its place. Returns its row of LIVE or LISTED (nil if it is not live; the row of
-- the running state says that nothing was done), then its score: its place in a line, or its time. The caller refreshes
-- the index of due times.
local function take_out(k, queue, id)
  if redis.call('HEXISTS', k.bodies, id) == 0 then return nil end
  local row, detail = place_of(k, id)
  if row == LISTED then
    redis.call('ZREM', k.ordered, id) -- at maxmemory the first write must not need memory
    redis.call('INCR', k.stale) -- its entry stays behind in the list
    late().leave_foreign(k, { id })
  elseif row.key ~= 'running' then
    return row, take_from(k, queue, row, { id }) or tonumber(detail)
  end
  return row, tonumber(detail)
end
