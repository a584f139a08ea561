-- Changes the priority of jobs that have not ended. One that waits goes to its new place: by its age where the line is
-- kept by age (a lane, a priority other than 0), else to the back.
-- INCLUDE: _budget _live _take_out _lanes _ready _due _index
-- KEYS: bodies priorities lanes ordered token
-- ARGV: queue, priority, then ids
-- Returns: {how many ids were gone through, for each of them 1 if it has that priority now, 0 if it has ended or is unknown}
-- Cost: O(ids), within the budget

local priority = tonumber(ARGV[2])
-- A lane keeps the job's sequence, the ordered set its score, the list neither.
local function place_anew(id, row, score)
  if row.key == 'limited' then
    park(K, id, redis.call('HGET', K.lanes, id), priority, score)
  elseif priority ~= 0 then
    local sequence = score and score - priority_at(score) * PRIORITY_STEP or redis.call('INCR', K.token)
    redis.call('ZADD', K.ordered, priority * PRIORITY_STEP + sequence, id)
    wake(K)
  else
    pushed = {}
    push_ready(K, { id }, false)
    extend_taken(K, pushed)
  end
end

local function change(id)
  if redis.call('HEXISTS', K.bodies, id) == 0 then return 0 end
  if tonumber(redis.call('HGET', K.priorities, id) or '0') == priority then return 1 end
  local moves = place_of(K, id).line
  local row, score
  if moves then row, score = take_out(K, ARGV[1], id) end
  redis.call('HDEL', K.priorities, id)
  if priority ~= 0 then redis.call('HSET', K.priorities, id, priority) end
  if moves then place_anew(id, row, score) end
  return 1
end

local out = { 0 }
out[1] = each_slice(3, 1, function(from, to)
  for at = from, to do out[#out + 1] = change(ARGV[at]) end
end)
refresh_due(K, ARGV[1])
return out
