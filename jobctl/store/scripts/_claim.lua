-- Taking the unique key for a job that is added. What `unique` and `batch` are: _enqueue.
-- INCLUDE: _take_out _archive _stats _events
-- KEYS: delayed records uniques

-- The holder of a unique key is cancelled if it waits, with a record that says so. Returns its due time if it was
-- delayed, and whether it is cancelled: a running or ended one is left alone.
local function replace(k, queue, holder, unique, now)
  local due = redis.call('ZSCORE', k.delayed, holder)
  local row = take_out(k, queue, holder)
  if not row or row.state == 'running' then return nil, false end
  redis.call('HSETNX', k.records, holder, unique.r) -- that of a job which ran holds its attempts
  end_cancelled(k, { holder }, now)
  note_event('x', '..' .. string.match(unique.n, '^[^|]*'))
  announce(k, queue, { holder })
  local before, after = string.match(unique.e, '^(.-"id":)""(.*)$')
  publish_events(k, { before .. cjson.encode(holder) .. after }, MOST_ENTRIES)
  return tonumber(due), true
end

-- Who holds a unique key; false if nobody does. A window stays although its job is forgotten.
local function holder_of(k, key)
  local holder = redis.call('GET', key)
  if holder and redis.call('HEXISTS', k.uniques, holder) == 0 and redis.call('PTTL', key) < 0 then return false end
  return holder
end

-- Makes a job the holder of a key, for `left` ms of a window; (if_free) only if nobody is. Returns whether it is.
local function hold(key, id, unique, left, if_free)
  local options = unique.m == 'w' and { 'PX', math.ceil(left) } or {}
  if if_free then options[#options + 1] = 'NX' end
  return redis.call('SET', key, id, unpack(options)) ~= false
end

-- Takes the unique key for a job. Returns what became of it (nil: enqueued), the other job, and the due time it inherits.
-- batch.flush() writes the jobs before it in this call, whose place it may take.
local function claim(k, queue, id, unique, now, batch)
  local key = k.uniques .. ':' .. unique.n
  local what, holder, due
  if not hold(key, id, unique, tonumber(unique.t), true) then
    batch.flush()
    holder = holder_of(k, key)
    if holder and unique.c == 'skip' then return 'skipped', holder end
    if holder and unique.c == 'fail' then return 'conflict', holder end
    if holder then
      local inherited, gone = replace(k, queue, holder, unique, now)
      if gone then what = 'replaced' end
      if unique.c == 'replace' and unique.m == 'w' then due = inherited end
    end
    hold(key, id, unique, due and math.max(1, due - now) or tonumber(unique.t), false)
  end
  local uniques = batch.uniques
  uniques[#uniques + 1], uniques[#uniques + 2] = id, unique.m .. '|' .. unique.h .. '|' .. unique.n
  return what, holder, due
end
