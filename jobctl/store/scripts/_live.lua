-- The states of jobs that have not ended: those with a body in `bodies`. Half of the table of states; the other half is
-- _ended, and store/data/states.py is the same table for Python.
-- KEYS: running delayed retrying limited ordered ready

-- Where each state keeps its ids, in the order in which they are looked for. hash: a hash, not a sorted set. timed: the
-- score is when the job waits again. line: it may go next, so its priority gives it its place.
local LIVE = {
  { state = 'running', key = 'running', hash = true },
  { state = 'retrying', key = 'retrying', timed = true },
  { state = 'delayed', key = 'delayed', timed = true },
  { state = 'limited', key = 'limited', line = true },
  { state = 'waiting', key = 'ordered', line = true },
}
local LISTED = { state = 'waiting', key = 'ready', line = true } -- where a live job is that is nowhere else

local TIMED = {}
for _, row in ipairs(LIVE) do
  if row.timed then TIMED[#TIMED + 1] = row end
end

-- Where live jobs are: for each id its row of LIVE or LISTED, and the value or score that it has there. An id without a
-- body counts as LISTED. O(#ids).
local function places_of(k, ids)
  local rows, details = {}, {}
  for i = 1, #ids do rows[i] = LISTED end
  local elsewhere = redis.call('EXISTS', k.retrying, k.delayed, k.limited, k.ordered) > 0
  for _, row in ipairs(LIVE) do
    local key = k[row.key]
    if row.hash or (elsewhere and redis.call('EXISTS', key) == 1) then
      for i, detail in ipairs(redis.call(row.hash and 'HMGET' or 'ZMSCORE', key, unpack(ids))) do
        if detail and rows[i] == LISTED then rows[i], details[i] = row, detail end
      end
    end
  end
  return rows, details
end

-- The same for one id.
local function place_of(k, id)
  for _, row in ipairs(LIVE) do
    local detail = redis.call(row.hash and 'HGET' or 'ZSCORE', k[row.key], id)
    if detail then return row, detail end
  end
  return LISTED
end
