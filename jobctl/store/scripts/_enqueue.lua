-- Adds jobs to a queue; an id that is known already is left alone. Shared by enqueue and tick.
-- jobs: flat {id, body, priority, due, ...}; due is '0' (now), '+N' (N ms from now) or 'N' (epoch ms).
-- Returns the indexes (from 0) of the jobs that were known. O(#jobs); at most 1,000 jobs.

local function is_known(k, id, live, ended, now)
  if live then return true end
  if not ended then
    local seen = redis.call('ZSCORE', k.remembered, id)
    return seen and tonumber(seen) > now - REMEMBER_MS
  end
  for _, zset in ipairs({ k.completed, k.cancelled }) do
    local at = redis.call('ZSCORE', zset, id)
    if at then
      if tonumber(at) > now - REMEMBER_MS then return true end
      forget(k, zset, id, at, now)
      drop_logs(k, { id })
      return false
    end
  end
  return true -- dead or discarded: the id belongs to a job that can still be brought back
end

local function enqueue_jobs(k, queue, jobs)
  local now = time_ms()
  local ids, known, ready, fields = {}, {}, {}, {}
  for i = 1, #jobs, 4 do ids[#ids + 1] = jobs[i] end
  local live = redis.call('HMGET', k.bodies, unpack(ids))
  local ended = redis.call('HMGET', k.archive, unpack(ids))
  local remembers = redis.call('EXISTS', k.remembered) == 1
  local here = {}
  local first_due
  for i, id in ipairs(ids) do
    local at = (i - 1) * 4
    local suspect = live[i] or ended[i] or remembers
    if here[id] or (suspect and is_known(k, id, live[i], ended[i], now)) then
      known[#known + 1] = i - 1
    else
      here[id] = true
      local priority, due = jobs[at + 3], jobs[at + 4]
      fields[#fields + 1] = id
      fields[#fields + 1] = jobs[at + 2]
      if priority ~= '0' then redis.call('HSET', k.priorities, id, priority) end
      if due == '0' then
        ready[#ready + 1] = id
      else
        local when = tonumber(due)
        if string.sub(due, 1, 1) == '+' then when = now + when end
        redis.call('ZADD', k.delayed, when, id)
        if not first_due or when < first_due then first_due = when end
      end
    end
  end
  if #fields > 0 then
    redis.call('HSET', k.bodies, unpack(fields))
    redis.call('SADD', k.queues, queue)
    push_ready(k, ready, false)
    if first_due then due_by(k, queue, first_due) end
  end
  return known
end
