-- Adds jobs to a queue; an id that is known already is left alone. Shared by enqueue and tick.
-- jobs: flat, from `first` on: id, body, priority, due, extra, mark, …; types: those of the jobs, one a line. due is '0' (now), '+N' (N ms from now) or 'N' (epoch ms); extra is ''
-- or JSON: {k: whether the producer chose the id, l: lane, x: expires in ms, i: its entries in
-- indexes, see _index, u: its unique key}, and that is {n: name, m: w |
-- s | f, t: window in ms, c: skip | fail | replace | extend, h: hold when dead (0 | 1), r: the record of a job that this one
-- replaces, e: the event of that, without its id}.
-- Returns {how many jobs were gone through, then for those that were not simply enqueued: index (from 0), what, the other
-- job's id, ...}; what is known, skipped, conflict or replaced. O(#jobs), within the budget; at most 1,000 jobs.
-- INCLUDE: _budget _due _ready _stats
-- INCLUDE-LATE: _ended _forget _index _claim
-- KEYS: bodies archive priorities delayed lanes uniques expiring known named queues index

local PARSED = 1 / 16 -- units a byte of JSON

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

-- Writes what stands beside a job. Returns as claim does.
local function write_extra(k, queue, id, text, now, batch)
  local extra = cjson.decode(text)
  spend(#text * PARSED)
  local what, other, due
  if extra.u then
    what, other, due = late().claim(k, queue, id, extra.u, now, batch)
    if what == 'skipped' or what == 'conflict' then return what, other end
  end
  if extra.k then redis.call('SADD', k.named, id) end
  if extra.l then redis.call('HSET', k.lanes, id, extra.l) end
  if extra.i then
    late().gather_values(batch.values, id, extra.i)
    batch.indexed = true
  end
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
  batch.indexed = redis.call('EXISTS', k.index) == 1
  function batch.flush()
    if #batch.fields > 0 then redis.call('HSET', k.bodies, unpack(batch.fields)) end
    if #batch.uniques > 0 then redis.call('HSET', k.uniques, unpack(batch.uniques)) end
    pushed, batch.written = {}, batch.written + #batch.fields / 2
    push_ready(k, batch.ready, false)
    if batch.indexed then
      late().complete_new(k, late().write_values(k, batch.values), batch.written)
      late().extend_taken(k, pushed)
    end
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

local function enqueue_jobs(k, queue, jobs, first, types)
  local now, said, batch, done, count = time_ms(), { 0 }, new_batch(k), 0, (#jobs - first + 1) / 6
  local remembers = redis.call('EXISTS', k.known) == 1
  local replaced = false

  -- What became of a job, if it was not simply enqueued, and the other one's id.
  local function offer(at, live, ended)
    local id, priority, when, extra = jobs[at], jobs[at + 2], jobs[at + 3], jobs[at + 4]
    if batch.here[id] or ((live or ended or remembers) and is_known(k, id, live, ended, now)) then return 'known' end
    local what, other, due
    if extra ~= '' then what, other, due = write_extra(k, queue, id, extra, now, batch) end
    if what and what ~= 'replaced' then return what, other end
    batch.add(id, jobs[at + 1], priority, due or (when ~= '0' and due_time(when, now)) or nil)
    note_event('e', jobs[at + 5])
    return what, other
  end

  local n = affordable(0, count)
  while n > 0 do
    local ids = {}
    for i = done, done + n - 1 do ids[#ids + 1] = jobs[i * 6 + first] end
    local live, ended = redis.call('HMGET', k.bodies, unpack(ids)), redis.call('HMGET', k.archive, unpack(ids))
    for i in ipairs(ids) do
      local what, other = offer((done + i - 1) * 6 + first, live[i], ended[i])
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
  if batch.indexed then
    late().leave_unknown(k, types, done, function(i) return jobs[6 * i - 6 + first], jobs[6 * i - 2 + first] end)
  end
  said[1] = done
  return said
end
