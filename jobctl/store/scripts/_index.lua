-- Indexes of payload values: id by a digest of the value, one sorted set for each job type and key.
-- INCLUDE: _budget
-- KEYS: index

local PLACE = 1 -- units for a place in a sorted set, beside what the command counts
local COMPLETE, BUILDING = '*complete', '*building' -- members that say that every job of the type is in the index, or will be

-- Gathers what is to be written of a job, by the names of indexes: {name, digest} each; the digest is '' if the payload
-- has no such value. O(#entries).
local function gather_values(rows_by_name, id, entries)
  for _, entry in ipairs(entries) do
    local rows = rows_by_name[entry[1]] or {}
    rows_by_name[entry[1]] = rows
    if entry[2] ~= '' then rows[#rows + 1], rows[#rows + 2] = entry[2], id end
  end
end

-- Writes what was gathered, of at most 1,000 jobs.
local function write_values(k, rows_by_name)
  for name, rows in pairs(rows_by_name) do
    redis.call('SADD', k.index, name)
    if #rows > 0 then redis.call('ZADD', k.index .. ':' .. name, unpack(rows)) end
    spend(#rows / 2 * PLACE)
  end
end

-- Nobody finds jobs by their values any more. O(#ids) for each index of the queue.
local function forget_values(k, ids)
  if redis.call('EXISTS', k.index) == 0 then return end
  for _, name in ipairs(redis.call('SMEMBERS', k.index)) do
    redis.call('ZREM', k.index .. ':' .. name, unpack(ids))
    spend(#ids * PLACE)
  end
end

-- Jobs of these types (one a line) were added. An index of one of them that a producer does not know, since it works with
-- another catalog, has a hole now. `extra_of(i)` is what stands beside the i-th job. O(#jobs) for each index of the types.
local function find_holes(k, types, count, extra_of)
  if redis.call('EXISTS', k.index) == 0 then return end
  local lines = '\n' .. types .. '\n'
  for _, name in ipairs(redis.call('SMEMBERS', k.index)) do
    local key, wanted = k.index .. ':' .. name, '"' .. name .. '"'
    local marks = string.find(lines, '\n' .. string.match(name, '^[^|]*') .. '\n', 1, true)
      and redis.call('ZMSCORE', key, COMPLETE, BUILDING) or {}
    if marks[1] or marks[2] then
      local filled, i = false, 1
      while not filled and i <= count do
        filled, i = string.find(extra_of(i), wanted, 1, true) ~= nil, i + 1
      end
      if not filled then redis.call('ZREM', key, COMPLETE, BUILDING) end
    end
  end
end
