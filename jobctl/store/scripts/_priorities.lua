-- Taking jobs of a queue that has priorities or limits: of what may go the most urgent priority, and the last one often enough.
-- Those of priority 0 without limits wait in the list, others in the ordered set; what is in that with priority 0 goes before
-- the list.
-- INCLUDE: _due _turns _lines _bodies _work
-- KEYS: ready ordered priorities since

local ORDERED = 4 + RESERVED -- what one costs out of the set until it is reserved

-- Two lines of jobs as one: after every `gap` of the first (`before` of them to begin with) comes one of the second.
local function interleaved(first, second, before, gap)
  if #second == 0 then return first end
  local merged, at = {}, 1
  for i, each in ipairs(first) do
    if i == before + 1 + gap * (at - 1) and second[at] then
      merged[#merged + 1] = second[at]
      at = at + 1
    end
    merged[#merged + 1] = each
  end
  for i = at, #second do merged[#merged + 1] = second[i] end
  return merged
end

-- The first priority that waits in a queue and may go, or (last) the last one; nil if nothing may. Then whether there are
-- lanes of that priority, and whether there are other jobs of it.
local function priority_of(k, last)
  local lanes = may_try_lanes() and priority_in(sub(k, 'turns'), last) or nil
  local lines = priority_in(k.ordered, last)
  if redis.call('EXISTS', k.ready) == 1 and (not lines or (lines < 0) == last) then lines = 0 end
  if lanes and lines and lanes ~= lines then
    if (lanes < lines) == last then lanes = nil else lines = nil end
  end
  return lanes or lines, lanes ~= nil, lines ~= nil
end

local function take_ordered(k, priority, n)
  if n < 1 then return {}, {} end
  local from, to = range_of(priority)
  local ids, bodies = carry(k, redis.call('ZRANGEBYSCORE', k.ordered, from, to, 'LIMIT', 0, can_do(math.min(n, MOST), ORDERED)))
  if #ids > 0 then redis.call('ZREM', k.ordered, unpack(ids)) end
  return ids, bodies
end

local function take_from_lines(k, priority, n, taken)
  local ids, bodies = take_ordered(k, priority, n)
  if priority ~= 0 or #ids == n then return ids, bodies end
  local more, theirs = take_listed(k, n - #ids, taken)
  append(ids, more)
  append(bodies, theirs)
  return ids, bodies
end

-- Takes at most n jobs of a priority that lanes and others have. They share: neither keeps the other waiting.
local function take_from_both(k, queue, priority, n, taken, exact)
  local half = math.floor(n / 2)
  if n % 2 == 1 then half = half + redis.call('INCR', sub(k, 'ties')) % 2 end
  local ids, bodies = take_from_lanes(k, queue, priority, half, exact)
  for _, id in ipairs(ids) do taken[id] = true end -- an old entry in the list is not it
  local more, theirs = take_from_lines(k, priority, n - #ids, taken)
  if #ids == half and #more < n - half then
    local rest, of_rest = take_from_lanes(k, queue, priority, n - #ids - #more, exact)
    append(ids, rest)
    append(bodies, of_rest)
  end
  return interleaved(ids, more, 1, 1), interleaved(bodies, theirs, 1, 1)
end

-- Takes at most n jobs of a priority; `lanes` and `lines` say who has some.
local function take_of(k, queue, n, priority, lanes, lines, taken, exact)
  local ids, bodies
  if n < 1 then
    return {}, {}
  elseif lanes and lines then
    ids, bodies = take_from_both(k, queue, priority, n, taken, exact)
  elseif lanes then
    ids, bodies = take_from_lanes(k, queue, priority, n, exact)
  else
    ids, bodies = take_from_lines(k, priority, n, taken)
  end
  for _, id in ipairs(ids) do taken[id] = true end
  return ids, bodies
end

-- Takes at most n jobs: of the first priority, and for every 15 of them one of the last, as many as are `due`. `since` were
-- started since one of the last priority was. `sure`: what has its turn last is of the last priority that may go. Returns
-- how many, since, and whether one that was due did not come.
local function take_by_priority(k, queue, n, since, due, sure, exact, reserve)
  local taken = {}
  local first, lanes, lines = priority_of(k, false)
  if not first then return 0, since, due > 0 end
  local last, last_lanes, last_lines
  if due > 0 then last, last_lanes, last_lines = priority_of(k, true) end
  local same = last == first
  local ids, bodies = take_of(k, queue, same and n or n - due, first, lanes, lines, taken, exact)
  local turns = same and 0 or math.min(due, n - #ids, math.floor((since + #ids) / (STARVE - 1)))
  local lasts, theirs = take_of(k, queue, turns, last, last_lanes, last_lines, taken, exact)
  if #ids + #lasts > 0 then
    local before = STARVE - 1 - since
    reserve(interleaved(ids, lasts, before, STARVE - 1), interleaved(bodies, theirs, before, STARVE - 1))
  end
  local all_last = same and #ids > 0 and (sure or redis.call('EXISTS', sub(k, 'holds')) == 0)
  since = all_last and 0 or since + #ids - (STARVE - 1) * #lasts
  return #ids + #lasts, math.max(0, math.min(STARVE - 1, since)), same or #lasts < turns
end

-- Takes at most `left` jobs of a queue that has priorities or limits: calls reserve(ids, bodies) with those.
local function serve_by_priority(k, queue, limited, left, exact, reserve)
  local since = tonumber(redis.call('GET', k.since) or '0')
  local no_last = false -- none of the last priority came that was due
  -- Which lanes may go shows when they are tried: then those of the last priority are taken when they are due.
  local mixed = limited and redis.call('EXISTS', k.priorities) == 1
  while left > 0 and may_go_on() do
    local tries, entries = in_vain, dropped
    local last_first = since >= STARVE - 1 and not no_last -- there may be room for no more than this one
    local n = last_first and 1 or math.min(left, mixed and not no_last and STARVE - 1 - since or 500)
    local due = no_last and 0 or math.floor((since + n) / STARVE)
    if limited and not last_first then refill(k, queue, n, mixed, exact) end
    if limited and due > 0 then refill_last(k, queue, exact) end
    local taken
    taken, since, no_last = take_by_priority(k, queue, n, since, due, last_first, exact, reserve)
    left = left - taken
    no_last = no_last and in_vain == tries -- else there may be another
    if taken == 0 and in_vain == tries and dropped == entries and not no_last then break end
  end
  redis.call('SET', k.since, since)
end
