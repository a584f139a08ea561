-- Ending attempts: what complete, retry, bury, cancelled and requeue have in common.
-- INCLUDE: _budget _token _events
-- INCLUDE-LATE: _lanes
-- KEYS: running cancels progress records lanes crashes uniques expiring hooks

local beside

-- Whether anything is kept beside the records of running jobs, as it is of few: only then is it looked for.
local function has_beside(k)
  if beside == nil then
    beside = redis.call('EXISTS', k.progress, k.cancels, k.lanes, k.crashes, k.uniques, k.expiring, k.hooks) > 0
  end
  return beside
end

-- Takes jobs out of `running`. Its first write is an HDEL, which Redis allows at maxmemory. Returns for each whether
-- someone asked that it stops. O(#ids).
local function release(k, ids)
  redis.call('HDEL', k.running, unpack(ids))
  if not has_beside(k) then return {} end
  if redis.call('EXISTS', k.progress) == 1 then redis.call('HDEL', k.progress, unpack(ids)) end
  if redis.call('EXISTS', k.cancels) == 0 then return {} end
  local asked = redis.call('HMGET', k.cancels, unpack(ids))
  redis.call('HDEL', k.cancels, unpack(ids))
  return asked
end

-- Leaves out attempts that come again.
local function once_each(ids, at)
  local out, places, seen = {}, {}, {}
  for i, id in ipairs(ids) do
    if not seen[id] then out[#out + 1], places[#places + 1], seen[id] = id, at[i], true end
  end
  return out, places
end

-- Goes through the attempts in ARGV from `first` on, `width` arguments each, in slices, for as long as the budget lasts.
-- Calls finish(ids, at, asked, begun) with those whose token is the current one: their ids, where each is in ARGV, whether
-- someone cancelled it, and, by id, those whose start was counted already. They no longer run then, and the slots of their
-- lanes are free. `fits`, if given, says how many of a slice fit into the budget; `units` and `cost` are as for each_slice.
-- Returns {how many attempts were gone through, the indexes (from 0) of those that are not current}.
local function each_current(k, queue, first, width, finish, fits, units, cost)
  local stale = {}
  local done = each_slice(first, width, function(from, to)
    local taken = (to - from + 1) / width
    if fits then taken = fits(k, column(from, to, width)) end
    local current, places, begun = current_of(k, first, from, from + taken * width - 1, width, stale)
    local ids, at = once_each(current, places)
    if #ids > 0 then
      local asked = release(k, ids)
      if has_beside(k) and redis.call('EXISTS', k.lanes) == 1 then late().free_slots(k, queue, ids) end
      finish(ids, at, asked, begun)
    end
    return taken
  end, units, cost)
  table.insert(stale, 1, done)
  return stale
end

-- Writes the texts of jobs into a hash, which are `offset` arguments after where each is in ARGV; an empty one leaves what
-- is there.
local function write_texts(key, ids, at, offset)
  local fields = {}
  for i, id in ipairs(ids) do
    local text = ARGV[at[i] + offset]
    if text ~= '' then fields[#fields + 1], fields[#fields + 2] = id, text end
  end
  if #fields == 0 then return end
  redis.call('HSET', key, unpack(fields))
  spend_bytes(fields, WRITTEN)
end

-- Writes the records of jobs, as write_texts does.
local function write_records(k, ids, at, offset) write_texts(k.records, ids, at, offset) end

-- Adds what is `offset` arguments after where a job is in ARGV to `events`, if it says anything.
-- Where someone asked that the job stops, the event says cancelled instead.
local function tell(events, at, offset, asked)
  local event = ARGV[at + offset]
  if event ~= '' then events[#events + 1] = asked and retold(event, 'cancelled') or event end
end
