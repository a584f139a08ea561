-- Adds jobs to a queue; an id that is known already is left alone. Shared by enqueue and tick.
-- jobs: flat {id, body, priority, due, extra, mark, ...}; due is '0' (now), '+N' (N ms from now) or 'N' (epoch ms); extra is ''
-- or JSON: {k: whether the producer chose the id, l: lane, x: expires in ms, i: its entries in
-- indexes, see _index, u: its unique key}, and that is {n: name, m: w |
-- s | f, t: window in ms, c: skip | fail | replace | extend, h: hold when dead (0 | 1), r: the record of a job that this one
-- replaces, e: the event of that, without its id}.
-- Returns {how many jobs were gone through, then for those that were not simply enqueued: index (from 0), what, the other
-- job's id, ...}; what is known, skipped, conflict or replaced. O(#jobs), within the budget; at most 1,000 jobs.
-- INCLUDE: _budget _due _ready _stats _index
-- INCLUDE-LATE: _take_out _archive _ended _forget _events
-- KEYS: bodies archive priorities delayed records lanes uniques expiring known named queues

local function is_known(k, id, live, ended, now)
  if live then return true end
  if not ended then
    local till = redis.call('ZSCORE', k.known, id)
    return till and tonumber(till) > now
  end
  local rows, ends = late().ends_of(k, { id })
  local row, at = rows[1], ends[1]
  if not row or not row.kept or tonumber(at) > now - late().REMEMBER_MS then return true end -- it can be brought back, or is young
  if redis.call('SISMEMBER', k.named, id) == 1 then return true end
  late().forget(k, row, { id }, { at }, now, 0)
  return false
end

-- The holder of a unique key is cancelled if it waits, with a record that says so. Returns its due time if it was
-- delayed, and whether it is cancelled: a running or ended one is left alone.
local function replace(k, queue, holder, unique, now)
  local due = redis.call('ZSCORE', k.delayed, holder)
  local row = late().take_out(k, queue, holder)
  if not row or row.state == 'running' then return nil, false end
  redis.call('HSETNX', k.records, holder, unique.r) -- that of a job which ran holds its attempts
  late().end_cancelled(k, { holder }, now)
  note_event('x', '..' .. string.match(unique.n, '^[^|]*'))
  late().announce(k, queue, { holder })
  local before, after = string.match(unique.e, '^(.-"id":)""(.*)$')
  late().publish_events(k, { before .. cjson.encode(holder) .. after }, late().MOST_ENTRIES)
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

-- Writes what stands beside a job. Returns as claim does.
local function write_extra(k, queue, id, text, now, batch)
  local extra = cjson.decode(text)
  local what, other, due
  if extra.u then
    what, other, due = claim(k, queue, id, extra.u, now, batch)
    if what == 'skipped' or what == 'conflict' then return what, other end
  end
  if extra.k then redis.call('SADD', k.named, id) end
  if extra.l then redis.call('HSET', k.lanes, id, extra.l) end
  if extra.i then gather_values(batch.values, id, extra.i) end
  if extra.x then redis.call('ZADD', k.expiring, now + extra.x, id) end
  return what, other, due
end

local function due_time(text, now)
  local at = tonumber(text)
  return string.sub(text, 1, 1) == '+' and now + at or at
end

-- What a call gathers, and writes with flush(): the jobs, and the unique keys that they hold.
local function new_batch(k)
  local batch = { fields = {}, ready = {}, uniques = {}, values = {}, here = {}, written = 0 }
  function batch.flush()
    if #batch.fields > 0 then redis.call('HSET', k.bodies, unpack(batch.fields)) end
    if #batch.uniques > 0 then redis.call('HSET', k.uniques, unpack(batch.uniques)) end
    pushed, batch.written = {}, batch.written + #batch.fields / 2
    push_ready(k, batch.ready, false)
    complete_new(k, write_values(k, batch.values), batch.written)
    extend_taken(k, pushed)
    spend_bytes(batch.fields, WRITTEN)
    batch.fields, batch.ready, batch.uniques, batch.values = {}, {}, {}, {}
  end
  function batch.add(id, body, priority, due)
    local fields = batch.fields
    batch.here[id] = true
    fields[#fields + 1], fields[#fields + 2] = id, body
    if priority ~= '0' then redis.call('HSET', k.priorities, id, priority) end
    if due then
      redis.call('ZADD', k.delayed, due, id)
      if not batch.first_due or due < batch.first_due then batch.first_due = due end
    else
      batch.ready[#batch.ready + 1] = id
    end
  end
  return batch
end

local function enqueue_jobs(k, queue, jobs)
  local now, said, batch, done, count = time_ms(), { 0 }, new_batch(k), 0, #jobs / 6
  local remembers = redis.call('EXISTS', k.known) == 1
  local replaced = false

  -- What became of a job, if it was not simply enqueued, and the other one's id.
  local function offer(at, live, ended)
    local id, priority, when, extra = jobs[at + 1], jobs[at + 3], jobs[at + 4], jobs[at + 5]
    if batch.here[id] or ((live or ended or remembers) and is_known(k, id, live, ended, now)) then return 'known' end
    local what, other, due
    if extra ~= '' then what, other, due = write_extra(k, queue, id, extra, now, batch) end
    if what and what ~= 'replaced' then return what, other end
    batch.add(id, jobs[at + 2], priority, due or (when ~= '0' and due_time(when, now)) or nil)
    note_event('e', jobs[at + 6])
    return what, other
  end

  local n = affordable(0, count)
  while n > 0 do
    local ids = {}
    for i = done, done + n - 1 do ids[#ids + 1] = jobs[i * 6 + 1] end
    local live, ended = redis.call('HMGET', k.bodies, unpack(ids)), redis.call('HMGET', k.archive, unpack(ids))
    for i in ipairs(ids) do
      local what, other = offer((done + i - 1) * 6, live[i], ended[i])
      if what then
        local last = #said
        said[last + 1], said[last + 2], said[last + 3] = done + i - 1, what, other or ''
        replaced = replaced or what == 'replaced'
      end
    end
    batch.flush()
    done = done + n
    n = affordable(done, count - done)
  end
  redis.call('SADD', k.queues, queue)
  count_noted(k, now)
  if batch.first_due then due_by(k, queue, batch.first_due) end
  if replaced then refresh_due(k, queue) end -- what was due first may be gone
  said[1] = done
  return said
end
