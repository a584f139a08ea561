-- Lets schedules go on under new names: each takes over the cursor, history, pause and times set by hand of the old one, and
-- from now on the old name means the new one, also for schedulers that still have the old. Two schedules that both live stay
-- apart.
-- INCLUDE: _renamed _ticks
-- KEYS: announced cursors open_ticks renamed schedules_by_hand
-- ARGV: how long after its last announcement a schedule lives (ms), then {the old name, the new name} of each
-- Returns: for each 1, or 0 if the two are different schedules
-- Cost: O(#schedules), at most 10; where both have a history also O(its rows), at most
--       250 in all, and where both have open jobs O(jobs of the one that has fewer)

local FIELDS = { '', '|floor', '|job', '|paused', '|run', '|taken', '|next', '|failed', '|when', '|set_back' }
local GREATER = 2 -- the first of FIELDS, of which the later one stays
local now, lives_ms, rows_left = time_ms(), tonumber(ARGV[1]), 250

local function fields_of(name)
  local out = {}
  for i, field in ipairs(FIELDS) do out[i] = name .. field end
  return out
end

local function carry_cursor(from, to)
  local old, new = fields_of(from), fields_of(to)
  local ours, theirs = redis.call('HMGET', K.cursors, unpack(old)), redis.call('HMGET', K.cursors, unpack(new, 1, GREATER))
  local kept = {}
  for i, field in ipairs(new) do
    local value = ours[i]
    if i <= GREATER and tonumber(theirs[i] or '-1') > tonumber(value or '-1') then value = theirs[i] end
    if value then
      kept[#kept + 1] = field
      kept[#kept + 1] = value
    end
  end
  redis.call('HDEL', K.cursors, unpack(new))
  redis.call('HDEL', K.cursors, unpack(old))
  if #kept > 0 then redis.call('HSET', K.cursors, unpack(kept)) end
end

local function forget_until(name, due)
  local before = redis.call('HGET', K.cursors, name .. '|floor') or '0'
  if tonumber(due) > tonumber(before) then
    redis.call('HSET', K.cursors, name .. '|floor', string.format('%.0f', due))
  end
end

-- Of two rows of one tick the one with a job stays.
local function place_row(key, name, member, due)
  if string.sub(member, 1, 1) == 't' then
    local other, row = row_of(K, name, due)
    if other and (row.job or not cjson.decode(string.sub(member, 2)).job) then return end
    if other then redis.call('ZREM', key, other) end
  end
  redis.call('ZADD', key, due, member)
end

-- The rows of the shorter history go into the longer one: the latest, and the floor says from when on all are known.
local function carry_history(from, to)
  local longer, shorter = history_of(K, from), history_of(K, to)
  if redis.call('EXISTS', longer) == 0 then return end
  local into, count = from, redis.call('ZCARD', shorter)
  if count > redis.call('ZCARD', longer) then
    longer, shorter, into = shorter, longer, to
    count = redis.call('ZCARD', shorter)
  end
  local rows = redis.call('ZRANGE', shorter, math.max(0, count - rows_left), -1, 'WITHSCORES')
  if count > rows_left then
    forget_until(to, redis.call('ZRANGE', shorter, count - rows_left - 1, count - rows_left - 1, 'WITHSCORES')[2])
  end
  for i = 1, #rows, 2 do place_row(longer, into, rows[i], rows[i + 1]) end
  rows_left = math.max(0, rows_left - #rows / 2)
  redis.call('UNLINK', shorter)
  if into == from then redis.call('RENAME', longer, history_of(K, to)) end
end

local function carry_set(from, to)
  local longer, shorter = from, to
  if redis.call('ZCARD', to) > redis.call('ZCARD', from) then longer, shorter = to, from end
  local rows = redis.call('ZRANGE', shorter, 0, -1, 'WITHSCORES')
  for i = 1, #rows, 2 do redis.call('ZADD', longer, rows[i + 1], rows[i]) end
  redis.call('UNLINK', shorter)
  if longer == from and redis.call('EXISTS', from) == 1 then redis.call('RENAME', from, to) end
end

local function move(from, to)
  carry_cursor(from, to)
  carry_history(from, to)
  carry_set(open_of(K, from), open_of(K, to))
  carry_set(queued_of(K, from), queued_of(K, to))
  if redis.call('SREM', K.open_ticks, from) == 1 then redis.call('SADD', K.open_ticks, to) end
  local sets = redis.call('HGET', K.schedules_by_hand, from)
  if sets then redis.call('HSET', K.schedules_by_hand, to, sets) end
  redis.call('HDEL', K.schedules_by_hand, from)
  redis.call('HDEL', K.announced, from)
end

local function rename(old, new)
  local from, to = root_of(K, old), root_of(K, new)
  if from == to then return 1 end
  if from ~= old then return 0 end -- it has become another one
  local found = redis.call('HMGET', K.announced, from, to)
  local seen = redis.call('HMGET', K.cursors, from, from .. '|paused')
  local known = found[1] or seen[1] or seen[2] or redis.call('EXISTS', history_of(K, from)) == 1
    or redis.call('HEXISTS', K.schedules_by_hand, from) == 1
  if known then
    if tonumber(found[2] or '0') > now - lives_ms then return 0 end
    move(from, to)
  end
  redis.call('HSET', K.renamed, from, to)
  return 1
end

local out = {}
for i = 2, #ARGV, 2 do out[#out + 1] = rename(ARGV[i], ARGV[i + 1]) end
return out
