-- Jobs that are enqueued because another one has ended, in the same step. Their payload is made when they are fetched. The keys
-- of their queues are computed here: what stands before `@hooks` is the namespace.
-- INCLUDE: _budget _minutes
-- KEYS: hooks

local HOOK_COST = 12 -- units for one, beside what its commands count
local quoted = cjson.encode

-- Counts a job that was enqueued.
local function count_hook(base, queue, name, now)
  local stats, minute = base .. '@stats:' .. queue, math.floor(now / 60000)
  local key = stats .. ':now:' .. name
  if redis.call('HGET', key, 'at') ~= string.format('%d', minute) then key = open_minute({ stats = stats }, name, minute) end
  redis.call('HINCRBY', key, 'e', 1)
end

-- Lets a job wait in its queue, at the back; a worker gives it back with its lane if it has limits.
local function add_hook(base, queue, id, body, priority)
  local function of(name) return base .. '@' .. name .. ':' .. queue end
  redis.call('HSET', base .. queue .. '.msgs', id, body)
  if priority == '0' then
    redis.call('RPUSH', base .. queue, id)
  else
    redis.call('HSET', of('priorities'), id, priority)
    redis.call('ZADD', of('ordered'), tonumber(priority) * PRIORITY_STEP + redis.call('INCR', base .. '@token'), id)
  end
  redis.call('SADD', base .. '@queues', queue)
  if redis.call('EXISTS', of('wake')) == 0 then redis.call('RPUSH', of('wake'), '1') end
end

-- The job of a hook. Its id and its body say what it is: such a job has no hooks itself.
local function new_hook(base, id, from, event, spec, now)
  local queue, priority, name, redact = string.match(spec, '^(%S+) (%-?%d+) (%S+) ?(.*)$')
  if not queue then return end
  local number = redis.call('INCR', base .. '@token')
  local mine = string.format('%s@%s-%d', #id <= 80 and id or 'hook', event, number)
  local source = string.format('{"job":%s,"queue":%s,"type":%s,"on":"%s"}', quoted(id), quoted(from.queue), quoted(from.type), event)
  local options = '"parent":' .. quoted(id) .. ',"jobctl_hook":' .. source .. (redact ~= '' and ',"redact":' .. redact or '')
  local body = string.format(
    '{"queue_name":%s,"actor_name":%s,"args":[],"kwargs":{},"options":{%s},"message_id":%s,"message_timestamp":%.0f}',
    quoted(queue), quoted(name), options, quoted(mine), now)
  add_hook(base, queue, mine, body, priority)
  count_hook(base, queue, name, now)
  spend(HOOK_COST)
end

-- Whether a job is one of a hook, by its id and an option that it keeps: producers may choose ids that look like it.
local function is_of_hook(id, body)
  return string.find(id, '@%a+%-%d+$') ~= nil and string.find(body, '"jobctl_hook', 1, true) ~= nil
end

-- Enqueues the hooks of jobs that end; their type is read from where each body begins. O(#ids).
local function enqueue_hooks(k, ids, bodies, event)
  if redis.call('EXISTS', k.hooks) == 0 then return end
  local base, now, specs = string.sub(k.hooks, 1, -7), time_ms(), {}
  for i, id in ipairs(ids) do
    local queue, name = string.match(bodies[i] or '', '^{"queue_name":"([^"\\]*)","actor_name":"([^"\\]*)"')
    if name and not is_of_hook(id, bodies[i]) then
      if specs[name] == nil then specs[name] = redis.call('HGET', k.hooks, name .. ' ' .. event) end
      if specs[name] then new_hook(base, id, { queue = (string.gsub(queue, '%.DQ$', '')), type = name }, event, specs[name], now) end
    end
  end
end
