-- Retries ended jobs, which wait again under the same id: those that are named (dead or cancelled ones), or the dead
-- letters of groups, the oldest first, without reading what they are. Where a job is decides, not its group: a job that
-- died once keeps the group in its record when it is retried and then cancelled.
-- INCLUDE: _budget _groups _revive _attempts _unique _ready _index
-- INCLUDE-LATE: _operation _undo
-- KEYS: cancelled records queues
-- ARGV: queue, operation ('' for none), 'ids', until when they had to end (epoch ms; '' for any time), then for each job: id,
--       group ('' if it has none)
--       queue, operation, 'step', who carries it on, where it stands (see _operation), jobs in its chunk, until when
--       they had to end (epoch ms), then for each job, all in a row: id, group, the attempts that it has had, or 'f' if it
--       cannot be retried
--       queue, operation, 'groups', limit, from, to (died_at, as ZRANGEBYSCORE takes it), letters to pass over in the first group,
--       then the groups
-- Returns: ids: {how many jobs were gone through, for each of them 1 if it was revived, 0 if it was not dead or cancelled
--          any more or has no body}
--          step: the same, or {-1} if the operation does not run, is another's to carry on, or does not stand there
--          groups: {retried, without a body (left as they are), groups that are done, letters to pass over in the next}
-- Cost: O(jobs + groups), within the budget

local now = time_ms()
local is_stock = redis.call('SISMEMBER', K.queues, ARGV[1]) == 0

-- Jobs that were taken from where they had ended wait.
local function wait(ids)
  if #ids == 0 then return end
  -- Nobody would ever delete the records of jobs that only stock workers run.
  if is_stock then
    redis.call('HDEL', K.records, unpack(ids))
    drop_attempts(K, ids)
  end
  reclaim_keys(K, ids)
  pushed = {}
  push_ready(K, ids, false)
  extend_taken(K, pushed)
end

if ARGV[3] == 'groups' then
  local stuck, groups, span = 0, { unpack(ARGV, 8) }, { ARGV[5], ARGV[6] }
  local gone, done, passed = each_group(K, groups, span, tonumber(ARGV[4]), tonumber(ARGV[7]), function(ids, group)
    local good = revive_bodies(K, ids, now)
    unbury(K, good, group, #good == #ids)
    wait(good)
    if ARGV[2] ~= '' then late().keep_for_undo(K, ARGV[2], ARGV[1], good) end
    stuck = stuck + #ids - #good
    return #ids - #good
  end)
  return { gone - stuck, stuck, done, passed }
end

local first, width, latest = 5, 2, tonumber(ARGV[4]) or math.huge
local operation = ARGV[2]
if ARGV[3] == 'step' then
  if not late().may_step(K, operation, ARGV[4], ARGV[5]) then return { -1 } end
  first, width, latest = 8, 3, tonumber(ARGV[7])
end

local out = { 0 }
out[1] = each_slice(first, width, function(from, to)
  local ids, groups, group_of, ended = column(from, to, width), column(from + 1, to, width), {}, {}
  for group, members in pairs(still_dead(K, ids, groups, latest)) do
    for _, id in ipairs(members) do group_of[id] = group end
  end
  for i, at in ipairs(redis.call('ZMSCORE', K.cancelled, unpack(ids))) do
    local id = ids[i]
    if at and tonumber(at) <= latest then group_of[id] = '' end
    if group_of[id] and not ended[id] then
      ended[#ended + 1], ended[id] = id, true
    end
  end
  local leaving, good = {}, revive_bodies(K, ended, now)
  for _, id in ipairs(good) do
    local group = group_of[id]
    leaving[group] = leaving[group] or {}
    table.insert(leaving[group], id)
    group_of[id] = 1
  end
  for group, members in pairs(leaving) do
    if group == '' then
      redis.call('ZREM', K.cancelled, unpack(members))
    else
      unbury(K, members, group, false)
      if operation ~= '' then late().keep_for_undo(K, operation, ARGV[1], members) end
    end
  end
  wait(good)
  for _, id in ipairs(ids) do
    out[#out + 1] = group_of[id] == 1 and 1 or 0
    group_of[id] = nil
  end
end)
if ARGV[3] == 'step' then
  local released, failed = {}, 0
  for row = 1, out[1] do
    local at = first + (row - 1) * width
    if out[row + 1] == 1 then
      released[#released + 1], released[#released + 2] = ARGV[1] .. ' ' .. ARGV[at], ARGV[at + 2]
    elseif ARGV[at + 2] == 'f' then
      failed = failed + 1
    end
  end
  late().step(K, operation, out[1], tonumber(ARGV[6]), released, failed)
end
return out
