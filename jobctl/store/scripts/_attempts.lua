-- The attempts of jobs, and their tracebacks. A job's attempts are lines that begin with a digest ('-' for none); a queue
-- keeps a traceback once, as long as a line names its digest: `trace_uses` counts the lines.
-- INCLUDE: _budget _digests
-- KEYS: attempts traces trace_uses

local MAX_ATTEMPTS = 25 -- of more, the first and the latest are kept

-- How many of these jobs, the first ones and at least one, fit into the budget of the call: what is kept of their attempts
-- may be anything between nothing and a hundred kilobytes. `lines` are units for each attempt. O(#ids).
local function fitting(k, ids, lines)
  if redis.call('EXISTS', k.attempts) == 0 then return #ids end
  local units = 0
  for i, id in ipairs(ids) do
    local length = redis.call('HSTRLEN', k.attempts, id)
    units = units + length * 2 * WRITTEN + math.min(MAX_ATTEMPTS, length / 100) * lines
    if i > 1 and not is_within(units) then return i - 1 end
  end
  return #ids
end

-- The same where each gets one more attempt, or where all of them go.
local function fitting_to_add(k, ids) return fitting(k, ids, 0) end
local function fitting_to_drop(k, ids) return fitting(k, ids, 4) end

-- Counts the lines of attempts by digest into `uses`: `by` for each.
local function count_digests(lines, uses, by)
  for _, digest in ipairs(digests_of(lines)) do uses[digest] = (uses[digest] or 0) + by end
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
  local count, at = 1, string.find(lines, '\n', 1, true)
  while at do count, at = count + 1, string.find(lines, '\n', at + 1, true) end
  if count >= MAX_ATTEMPTS then
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
  spend_bytes(before, READ)
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
  spend_bytes(fields, WRITTEN)
  spend_bytes(texts, WRITTEN)
  use_traces(k, uses, texts)
end

-- Deletes the attempts of jobs. O(#ids).
local function drop_attempts(k, ids)
  if redis.call('EXISTS', k.attempts) == 0 then return end
  local uses = {}
  local dropped = redis.call('HMGET', k.attempts, unpack(ids))
  spend_bytes(dropped, READ)
  for _, lines in ipairs(dropped) do
    if lines then count_digests(lines, uses, -1) end
  end
  redis.call('HDEL', k.attempts, unpack(ids))
  use_traces(k, uses, {})
end
