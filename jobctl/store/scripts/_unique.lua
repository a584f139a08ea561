-- Unique keys: a job holds its key from enqueue until its window is over, it has started, or it has ended.
-- `uniques` says for each job "MODE|HOLD|NAME": w (for a window), s (until started), f (until finished); HOLD is 1 if a
-- dead job keeps it. The key itself is a string that names its holder.
-- KEYS: uniques

local function unique_of(k, id)
  local text = redis.call('HGET', k.uniques, id)
  if not text then return nil end
  local mode, hold, name = string.match(text, '^(%a)|(%d)|(.*)$')
  return { mode = mode, hold = hold == '1', key = k.uniques .. ':' .. name }
end

-- Frees the keys of jobs that have come to `event`: started, completed, dead, cancelled, released. O(#ids).
local function free_keys(k, ids, event)
  if #ids == 0 or redis.call('EXISTS', k.uniques) == 0 then return 0 end
  local freed = 0
  for _, id in ipairs(ids) do
    local unique = unique_of(k, id)
    if unique then
      local keeps = (event == 'started' and unique.mode ~= 's') or (event == 'completed' and unique.mode == 'w')
        or (event == 'dead' and unique.hold)
      if not keeps and redis.call('GET', unique.key) == id then freed = freed + redis.call('DEL', unique.key) end
    end
  end
  return freed
end

-- A job that ended lives again: it takes its key if nobody has it. A window is not started again. O(#ids).
local function reclaim_keys(k, ids)
  if #ids == 0 or redis.call('EXISTS', k.uniques) == 0 then return end
  for _, id in ipairs(ids) do
    local unique = unique_of(k, id)
    if unique and unique.mode ~= 'w' then redis.call('SET', unique.key, id, 'NX') end
  end
end
