-- The arithmetic of rates, in one place; Python asks. A rate is counted in one of two ways, by its window:
--   smooth          the generic cell rate algorithm (ITU-T I.371): one number, the theoretical arrival time of the next start
--   fixed, sliding  how many started, by the moment until which they count: {until, n, until, n, ...}, the earliest first
-- A counter is {key: what its keys are called below `limits`, read(text, spec, now), room(state, spec, now),
-- time_of(spec, n), add(state, spec, now, n), take_back(state, spec, n, at, now), used(state, spec, now),
-- write(state, spec, now)}. read: what is stored, as it counts under a spec that may have changed; whether it has. room: how
-- many may start now, and when it is worth looking again (if none), or once those have gone. time_of: how many ms n starts
-- hold up the next one. take_back: n starts that were counted at `at` (ms) and never came; whether they still counted.
-- write: the text to store, and for how many ms. Times are epoch ms.

local SLACK_MS = 50 -- a start this late does not slow a smooth limit down: it catches up, by no more than this
local EXACT_MS = 0.01 -- what rounding may cost: a moment this near is now
local PARTS = 100 -- a sliding window of more starts than this counts them in so many parts of its period

local function interval_of(spec) return spec.period / spec.count end

local SMOOTH = { key = 'smooth' }

-- Kept with the interval that it was counted by: when the rate has changed, what is used stays the same number of starts.
function SMOOTH.read(text, spec, now)
  local interval = interval_of(spec)
  local tat, counted = string.match(text or '', '^(.+):(.+)$')
  tat, counted = tonumber(tat or now), tonumber(counted or interval)
  if counted == interval or tat <= now then return { tat = tat }, false end
  return { tat = now + (tat - now) * interval / counted }, true
end

function SMOOTH.room(state, spec, now)
  local interval = interval_of(spec)
  local first = state.tat - (spec.burst - 1) * interval
  if first > now + EXACT_MS then return 0, first end
  local n = math.floor((now + EXACT_MS - first) / interval) + 1
  return n, first + n * interval
end

function SMOOTH.time_of(spec, n) return n * interval_of(spec) end

function SMOOTH.add(state, spec, _, n) state.tat = state.tat + SMOOTH.time_of(spec, n) end

-- By themselves they hold up others for n intervals. What of that has passed may have been of use to others already: the
-- bucket may have been idle since then but for them. `at` is known to the millisecond.
function SMOOTH.take_back(state, spec, n, at, now)
  local took = SMOOTH.time_of(spec, n)
  local left = math.min(took, at + 1 + took - now)
  if left <= 0 then return false end
  state.tat = state.tat - left
  return true
end

function SMOOTH.used(state, spec, now) return math.max(0, math.ceil((state.tat - now) / interval_of(spec) - 0.001)) end

function SMOOTH.write(state, spec, now)
  return string.format('%.3f:%.17g', state.tat, interval_of(spec)), state.tat - now + SLACK_MS
end

local WINDOW = { key = 'window' }

-- Until when a start counts: to the end of its period of Redis's clock (fixed), or for one period (sliding). The starts
-- of a large sliding window count for up to a hundredth longer, so that those of one part end together.
local function counts_until(spec, at)
  if spec.window == 'fixed' then return (math.floor(at / spec.period) + 1) * spec.period end
  if spec.count <= PARTS then return math.ceil(at + spec.period) end
  local part = math.ceil(spec.period / PARTS)
  return math.ceil((at + spec.period) / part) * part
end

local function add_starts(state, ends, n)
  local last = #state - 1
  if last > 0 and state[last] >= ends then
    state[last + 1] = state[last + 1] + n
  else
    state[last + 2], state[last + 3] = ends, n
  end
end

-- Of a start that was counted by another window only the latest moment is known at which it may have been.
function WINDOW.read(text, spec, now)
  local stored, state = text and cmsgpack.unpack(text) or {}, {}
  local changed = text and (stored[1] ~= spec.window or stored[2] ~= spec.period) or false
  for i = 3, #stored, 2 do
    local ends, n = stored[i], stored[i + 1]
    if changed then
      ends = counts_until(spec, math.min(now, stored[1] == 'fixed' and ends or ends - stored[2]))
    end
    if ends > now + EXACT_MS then add_starts(state, ends, n) end
  end
  return state, changed
end

function WINDOW.used(state)
  local used = 0
  for i = 2, #state, 2 do used = used + state[i] end
  return used
end

function WINDOW.room(state, spec, now)
  local used = WINDOW.used(state)
  if used < spec.count then return spec.count - used, state[1] or counts_until(spec, now) end
  for i = 1, #state, 2 do
    used = used - state[i + 1]
    if used < spec.count then return 0, state[i] end
  end
  return 0, counts_until(spec, now) -- a limit of none
end

function WINDOW.time_of(spec, n) return math.floor(n / spec.count) * spec.period end

function WINDOW.add(state, spec, now, n) add_starts(state, counts_until(spec, now), n) end

-- They are found by until when they count; `at` is known to the millisecond.
function WINDOW.take_back(state, spec, n, at)
  local first, last, took = counts_until(spec, at), counts_until(spec, at + 1), false
  for i = #state - 1, 1, -2 do
    if n > 0 and state[i] >= first and state[i] <= last then
      local gone = math.min(n, state[i + 1])
      state[i + 1], n, took = state[i + 1] - gone, n - gone, true
      if state[i + 1] == 0 then
        table.remove(state, i + 1)
        table.remove(state, i)
      end
    end
  end
  return took
end

function WINDOW.write(state, spec, now)
  local last = #state > 0 and state[#state - 1] or now
  return cmsgpack.pack({ spec.window, spec.period, unpack(state) }), last - now
end

local COUNTERS = { smooth = SMOOTH, fixed = WINDOW, sliding = WINDOW }
