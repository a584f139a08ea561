-- Indexes of payload values: id by a digest of the value, one sorted set for each job type and key. What came without its
-- entries (from a stock producer, from one with another catalog) is looked at by whoever asks an index until it is added:
-- ids in `index:*left`, and the entries of the list of waiting jobs behind the one that `index:*taken` names.
-- INCLUDE: _budget
-- KEYS: index bodies archive ready

local PLACE = 1 -- units for a place in a sorted set, beside what the command counts
local COMPLETE = '*complete' -- a member that says that every job of the type is in the index
local BUILDING = '*building' -- the same of one that will be
local LEFT = ':*left'
local TAKEN = ':*taken'
local GOAL = ':*goal' -- what `taken` is to be, while somebody gets there
local OWN_LENGTH = 20 -- of ids of jobctl; stock messages have a UUID

local known_names = {}

-- The names of a queue's indexes.
local function index_names(k)
  local names = known_names[k.index]
  if not names then
    names = redis.call('SMEMBERS', k.index)
    known_names[k.index] = names
  end
  return names
end

-- Gathers what is to be written of a job, by the names of indexes: {name, digest} each; the digest is '' if the payload
-- has no such value. O(#entries).
local function gather_values(rows_by_name, id, entries)
  for _, entry in ipairs(entries) do
    local rows = rows_by_name[entry[1]] or {}
    rows_by_name[entry[1]] = rows
    if entry[2] ~= '' then rows[#rows + 1], rows[#rows + 2] = entry[2], id end
  end
end

-- Writes what was gathered, of at most 1,000 jobs. Returns the names of indexes that there were not.
local function write_values(k, rows_by_name)
  local new = {}
  for name, rows in pairs(rows_by_name) do
    if redis.call('SADD', k.index, name) == 1 then new[#new + 1] = name end
    if #rows > 0 then redis.call('ZADD', k.index .. ':' .. name, unpack(rows)) end
    spend(#rows / 2 * PLACE)
  end
  if #new > 0 then known_names = {} end
  return new
end

-- Indexes that are new in a queue that has no jobs but those that this call has added are complete from the beginning.
local function complete_new(k, new, added)
  if #new == 0 or redis.call('HLEN', k.bodies) > added or redis.call('EXISTS', k.archive) == 1 then return end
  for _, name in ipairs(new) do redis.call('ZADD', k.index .. ':' .. name, -1, COMPLETE) end
end

-- Jobs that were left are in all indexes of their types now, or gone. O(#ids).
local function taken_in(k, ids)
  if #ids > 0 then redis.call('SREM', k.index .. LEFT, unpack(ids)) end
end

-- Nobody finds jobs by their values any more. O(#ids) for each index of the queue.
local function forget_values(k, ids)
  local names = index_names(k)
  for _, name in ipairs(names) do
    redis.call('ZREM', k.index .. ':' .. name, unpack(ids))
    spend(#ids * PLACE)
  end
  if #names > 0 then taken_in(k, ids) end
end

-- Jobs that may be in no index though they belong there: whoever asks one looks at them, until they are added. O(#ids).
local function leave_out(k, ids)
  if #ids > 0 and #index_names(k) > 0 then redis.call('SADD', k.index .. LEFT, unpack(ids)) end
end

-- The same as leave_out for those of the jobs that stock producers may have written.
local function leave_foreign(k, ids)
  local foreign = {}
  for _, id in ipairs(ids) do
    if #id ~= OWN_LENGTH or string.find(id, '[^0-9a-hjkmnp-tv-z]') then foreign[#foreign + 1] = id end
  end
  leave_out(k, foreign)
end

local known_serving = {}

-- Those of them that serve, or will.
local function serving_names(k)
  local names = known_serving[k.index]
  if names then return names end
  names = {}
  for _, name in ipairs(index_names(k)) do
    local marks = redis.call('ZMSCORE', k.index .. ':' .. name, COMPLETE, BUILDING)
    if marks[1] or marks[2] then names[#names + 1] = name end
  end
  known_serving[k.index] = names
  return names
end

-- Gathers what is to be written of a job that came without its entries; one that has none of an index of its type (whoever
-- takes it in does not know it) goes to `left`. Returns whether all are there. O(#indexes).
local function take_values(k, rows_by_name, left, id, job_type, entries)
  local whole = true
  for _, name in ipairs(serving_names(k)) do
    local of_type = string.sub(name, 1, #job_type + 1) == job_type .. '|'
    if of_type and not string.find(entries, '"' .. name .. '"', 1, true) then whole = false end
  end
  if entries ~= '' then gather_values(rows_by_name, id, cjson.decode(entries)) end
  if not whole then left[#left + 1] = id end
  return whole
end

-- Of jobs that were added, of these types (one a line), those are left to be added to indexes which came without an entry
-- of an index of their type: their producer works with another catalog. `job_at(i)` is the i-th job's id, and what stands
-- beside it. An index that is not complete anyway does not matter. O(#jobs) for each index of the types.
local function leave_unknown(k, types, count, job_at)
  local names = #index_names(k) > 0 and serving_names(k) or {}
  if #names == 0 then return end
  local lines, left = '\n' .. types .. '\n', {}
  for _, name in ipairs(names) do
    local wanted = '"' .. name .. '"'
    if string.find(lines, '\n' .. string.match(name, '^[^|]*') .. '\n', 1, true) then
      local ids = {}
      for i = 1, count do
        local id, extra = job_at(i)
        if string.find(extra, wanted, 1, true) then
          ids = nil
          break
        end
        ids[i] = id
      end
      left = ids or left
    end
  end
  leave_out(k, left)
end

-- Jobs will be pushed to the end of the list again, or are: where they stood before, they say nothing any more, nor to who
-- is on the way there.
local function forget_taken(k, ids)
  if #index_names(k) == 0 then return end
  local taken, goal = redis.call('GET', k.index .. TAKEN), redis.call('GET', k.index .. GOAL)
  if not (taken or goal) then return end
  for _, id in ipairs(ids) do
    if id == taken then redis.call('DEL', k.index .. TAKEN) end
    if id == taken or id == goal then redis.call('DEL', k.index .. GOAL) end
  end
end

-- Jobs that are indexed, or left to be, were pushed to the end of the list: `pushed` has them. If what stood there before
-- was so, too, all are up to the last of them. O(#pushed).
local function extend_taken(k, pushed)
  if #pushed == 0 or #index_names(k) == 0 then return end
  local before = redis.call('LINDEX', k.ready, -1 - #pushed)
  local whole = not before or before == redis.call('GET', k.index .. TAKEN)
  forget_taken(k, pushed)
  if whole then redis.call('SET', k.index .. TAKEN, pushed[#pushed]) end
end
