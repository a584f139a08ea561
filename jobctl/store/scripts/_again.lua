-- Jobs that had not ended when they were put away live again.
-- INCLUDE: _live _due _unique _ready _index

-- Gives a job its time back. Returns false if it had none, or it is past. `origin`: STATE, or STATE|DUE.
local function wait_for_due(k, queue, id, origin, now)
  local state, at = string.match(origin, '^(%a+)|(.+)$')
  if not state or tonumber(at) <= now then return false end
  for _, row in ipairs(TIMED) do
    if row.state == state then redis.call('ZADD', k[row.key], at, id) end
  end
  due_by(k, queue, tonumber(at))
  return true
end

-- Jobs whose bodies are live already wait, or wait for their time: `origins` by id. O(#ids).
local function live_again(k, queue, ids, origins, now)
  local waiting = {}
  for _, id in ipairs(ids) do
    if not wait_for_due(k, queue, id, origins[id], now) then waiting[#waiting + 1] = id end
  end
  reclaim_keys(k, ids)
  pushed = {}
  push_ready(k, waiting, false)
  extend_taken(k, pushed)
end
