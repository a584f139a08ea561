-- Moves jobs of a queue that do not run to the trash, one bounded batch a call.
-- INCLUDE: _budget _live _list _take_out _due _archive _events _index
-- INCLUDE-LATE: _undo
-- KEYS: ready trash origins
-- ARGV: queue, operation ('' for none), ttl_ms, limit
-- Returns: {moved, left}: how many went, and how many entries are still to be looked at
-- Cost: O(limit), within the budget

local queue, expires, limit = ARGV[1], time_ms() + tonumber(ARGV[3]), tonumber(ARGV[4])
local moved, looked_at = {}, 0

-- `origins` say for each job where it comes from: STATE, or STATE|DUE if it is to get its time back when it is restored.
local function to_trash(ids, origins)
  if #ids == 0 then return end
  end_jobs(K, ids, K.trash, expires, 'cancelled')
  local fields = {}
  for i, id in ipairs(ids) do
    fields[2 * i - 1], fields[2 * i] = id, origins[i]
    moved[#moved + 1] = id
  end
  redis.call('HSET', K.origins, unpack(fields))
  if ARGV[2] ~= '' then late().keep_for_undo(K, ARGV[2], queue, ids) end
end

local function take_slice(row, want)
  local rows, ids, origins = redis.call('ZRANGE', K[row.key], 0, want - 1, 'WITHSCORES'), {}, {}
  for i = 1, #rows, 2 do
    ids[#ids + 1] = rows[i]
    origins[#origins + 1] = row.timed and row.state .. '|' .. rows[i + 1] or row.state
  end
  take_from(K, queue, row, ids)
  to_trash(ids, origins)
  return #ids
end

local function list_slice(_, want)
  local entries = redis.call('LPOP', K.ready, want)
  if not entries then return 0 end
  local ids, origins = live_of(K, entries), {}
  for i in ipairs(ids) do origins[i] = LISTED.state end
  to_trash(ids, origins)
  leave_foreign(K, ids)
  return #entries
end

-- Takes slices of one place as long as there are some, and the budget lasts. What a job costs depends on its place.
local function take_all(row, slice)
  local here, affordable_here = 0, budget_of(BUDGET - spent)
  repeat
    local want = is_within(0) and affordable_here(here, limit - looked_at) or 0
    local got = want > 0 and slice(row, want) or 0
    here, looked_at = here + got, looked_at + got
  until got == 0 or got < want
end

local left = 0
for _, row in ipairs(LIVE) do
  if row.state ~= 'running' then
    take_all(row, take_slice)
    left = left + redis.call('ZCARD', K[row.key])
  end
end
if left == 0 then take_all(LISTED, list_slice) end -- entries of other places are stale in the list
refresh_due(K, queue)
announce(K, queue, moved)
return { #moved, left + redis.call('LLEN', K.ready) }
