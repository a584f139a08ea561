-- Moves jobs that do not run to the trash: those that are named.
-- INCLUDE: _budget _take_out _archive _due _events
-- INCLUDE-LATE: _undo
-- KEYS: trash origins
-- ARGV: queue, operation ('' for none), ttl_ms, then ids
-- Returns: {how many ids were gone through, for each of them 1 if it was moved, 0 if it runs or is not live}
-- Cost: O(ids), within the budget

local queue, expires = ARGV[1], time_ms() + tonumber(ARGV[3])
local out, moved, seen = { 0 }, {}, {}

-- Where it was, and when it is due, as `restore` reads them.
local function origin(row, score) return row.timed and string.format('%s|%.0f', row.state, score) or row.state end

out[1] = each_slice(4, 1, function(from, to)
  local ids, fields = {}, {}
  for at = from, to do
    local id, row, score = ARGV[at], nil, nil
    if not seen[id] then row, score = take_out(K, queue, id) end
    local taken = row and row.key ~= 'running'
    out[#out + 1] = taken and 1 or 0
    if taken then
      seen[id] = true
      ids[#ids + 1], moved[#moved + 1] = id, id
      fields[#fields + 1], fields[#fields + 2] = id, origin(row, score)
    end
  end
  end_jobs(K, ids, K.trash, expires, 'cancelled')
  if #fields > 0 then redis.call('HSET', K.origins, unpack(fields)) end
  if ARGV[2] ~= '' then late().keep_for_undo(K, ARGV[2], queue, ids) end
end)
refresh_due(K, queue)
announce(K, queue, moved)
return out
