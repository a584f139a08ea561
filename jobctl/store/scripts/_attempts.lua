-- The attempts of jobs, and their tracebacks. A job's attempts are lines that begin with a digest ('-' for none); a queue
-- keeps a traceback once, as long as a line names its digest: `trace_uses` counts the lines.
-- INCLUDE: _budget
-- KEYS: attempts traces trace_uses

local MAX_ATTEMPTS = 25 -- of more, the first and the latest are kept

-- Counts the lines of attempts by digest into `uses`: `by` for each.
local function count_digests(lines, uses, by)
  for digest in string.gmatch('\n' .. lines, '\n(%S+)') do
    if digest ~= '-' then uses[digest] = (uses[digest] or 0) + by end
  end
end

-- Changes how often tracebacks are used; `texts` are those of new ones. One that nothing uses is gone.
local function use_traces(k, uses, texts)
  for digest, by in pairs(uses) do
    if by ~= 0 then
      local left = redis.call('HINCRBY', k.trace_uses, digest, by)
      if left <= 0 then
        redis.call('HDEL', k.trace_uses, digest)
        redis.call('HDEL', k.traces, digest)
      elseif left == by and texts[digest] then
        redis.call('HSET', k.traces, digest, texts[digest])
      end
    end
  end
end

-- The lines of a job with one more; above the bound the second goes.
local function with_line(lines, line, uses)
  if not lines then return line end
  local _, breaks = string.gsub(lines, '\n', '')
  if breaks + 1 >= MAX_ATTEMPTS then
    local first = string.find(lines, '\n', 1, true)
    local second = string.find(lines, '\n', first + 1, true)
    count_digests(string.sub(lines, first + 1, second - 1), uses, -1)
    lines = string.sub(lines, 1, first) .. string.sub(lines, second + 1)
  end
  return lines .. '\n' .. line
end

-- Adds an attempt to each of these jobs: its line is `offset` arguments after where the job is in ARGV ('' adds none), and
-- the traceback, if `traced`, is the next. O(#ids).
local function add_attempts(k, ids, at, offset, traced)
  local fields, uses, texts = {}, {}, {}
  local before = redis.call('EXISTS', k.attempts) == 1 and redis.call('HMGET', k.attempts, unpack(ids)) or {}
  spend_bytes(before)
  for i, id in ipairs(ids) do
    local line = ARGV[at[i] + offset]
    if line ~= '' then
      local digest = string.match(line, '^%S+')
      fields[#fields + 1], fields[#fields + 2] = id, with_line(before[i], line, uses)
      if digest ~= '-' then
        uses[digest] = (uses[digest] or 0) + 1
        texts[digest] = traced and ARGV[at[i] + offset + 1]
      end
    end
  end
  if #fields == 0 then return end
  redis.call('HSET', k.attempts, unpack(fields))
  spend_bytes(fields)
  spend_bytes(texts)
  use_traces(k, uses, texts)
end

-- Deletes the attempts of jobs. O(#ids).
local function drop_attempts(k, ids)
  if redis.call('EXISTS', k.attempts) == 0 then return end
  local uses = {}
  local dropped = redis.call('HMGET', k.attempts, unpack(ids))
  spend_bytes(dropped)
  for _, lines in ipairs(dropped) do
    if lines then count_digests(lines, uses, -1) end
  end
  redis.call('HDEL', k.attempts, unpack(ids))
  use_traces(k, uses, {})
end
