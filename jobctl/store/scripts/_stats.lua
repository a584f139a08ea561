-- What happened to the jobs of a queue, counted by type. A script notes each event where it changes the state, and writes all
-- of them together with count_noted. An event is a letter: enqueued, started, completed, failed attempt, retried, dead,
-- cancelled (x). A mark is `WAIT.RAN.TYPE`: the job's type, and the buckets of its waiting time and of how long its attempt ran
-- (each may be empty), as data/stats.py makes it; '' counts nothing.
-- INCLUDE: _budget
-- INCLUDE-LATE: _minutes
-- KEYS: stats

local PER_MINUTE = 60000
local noted = {} -- letters → mark → how often
local parsed = {} -- mark → its parts
local types = {} -- job type → field → how much it grows

-- Notes events of a job; `events` has their letters. What count_noted will cost for it is taken out of the budget. O(1).
local function note_event(events, mark)
  if mark == '' then return end
  local marks = noted[events]
  if not marks then
    marks = {}
    noted[events] = marks
  end
  marks[mark] = (marks[mark] or 0) + 1
  if parsed[mark] then return end
  local wait, ran, name = string.match(mark, '^(%d*)%.(%d*)%.(.*)$')
  parsed[mark] = { wait = wait, ran = ran, name = name }
  spend(types[name] and 4 or 20)
  types[name] = types[name] or {}
end

-- Writes what was noted. O(what differs in it), and O(counters) for a type whose minute is over.
local function count_noted(k, now)
  for events, marks in pairs(noted) do
    local starts = string.find(events, 's', 1, true)
    for mark, n in pairs(marks) do
      local parts = parsed[mark]
      local counts = types[parts.name]
      for letter in string.gmatch(events, '.') do counts[letter] = (counts[letter] or 0) + n end
      local waited, ran = 'w' .. parts.wait, 't' .. parts.ran
      if starts and waited ~= 'w' then counts[waited] = (counts[waited] or 0) + n end
      if ran ~= 't' then counts[ran] = (counts[ran] or 0) + n end
    end
  end
  local minute = math.floor(now / PER_MINUTE)
  for name, counts in pairs(types) do
    local key = k.stats .. ':now:' .. name
    if redis.call('HGET', key, 'at') ~= string.format('%d', minute) then key = late().open_minute(k, name, minute) end
    for field, n in pairs(counts) do redis.call('HINCRBY', key, field, n) end
  end
end
