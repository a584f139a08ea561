-- Says where a job of this queue is, in one consistent look.
-- KEYS: bodies running delayed retrying limited archive completed cancelled dead trash emptied records crashes priorities cancels lanes expiring progress
-- ARGV: ids
-- Returns: for each id {state, detail, body, record, crashes, priority, cancel asked, lane, expires (epoch ms or ''),
--          progress}; state '' if it is unknown. detail: the reservation (running), the due time (delayed, retrying), since when it
--          is held (limited), the time it ended or expires (others)
-- Cost: O(ids)

local ENDED = { { 'completed', K.completed }, { 'cancelled', K.cancelled }, { 'dead', K.dead },
  { 'discarded', K.trash }, { 'discarded', K.emptied } }

local function where(id)
  if redis.call('HEXISTS', K.bodies, id) == 1 then
    local reservation = redis.call('HGET', K.running, id)
    if reservation then return 'running', reservation end
    local due = redis.call('ZSCORE', K.delayed, id)
    if due then return 'delayed', due end
    due = redis.call('ZSCORE', K.retrying, id)
    if due then return 'retrying', due end
    local held = redis.call('ZSCORE', K.limited, id)
    if held then return 'limited', held end
    return 'waiting', ''
  end
  if redis.call('HEXISTS', K.archive, id) == 1 then
    for _, pair in ipairs(ENDED) do
      local at = redis.call('ZSCORE', pair[2], id)
      if at then return pair[1], at end
    end
  end
  return '', ''
end

local out = {}
for i, id in ipairs(ARGV) do
  local state, detail = where(id)
  local row = { state, detail, '', '', '0', '0', '0', '', '', '' }
  if state ~= '' then
    row[3] = redis.call('HGET', K.bodies, id) or redis.call('HGET', K.archive, id) or ''
    row[4] = redis.call('HGET', K.records, id) or ''
    row[5] = redis.call('HGET', K.crashes, id) or '0'
    row[6] = redis.call('HGET', K.priorities, id) or '0'
    row[7] = redis.call('HEXISTS', K.cancels, id) == 1 and '1' or '0'
    row[8] = redis.call('HGET', K.lanes, id) or ''
    row[9] = redis.call('ZSCORE', K.expiring, id) or ''
    row[10] = state == 'running' and redis.call('HGET', K.progress, id) or ''
  end
  out[i] = row
end
return out
