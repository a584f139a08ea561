-- Says where jobs of this queue are, in one consistent look.
-- READS
-- INCLUDE: _budget _live _ended
-- KEYS: bodies archive records crashes priorities cancels lanes expiring progress
-- ARGV: ids
-- Returns: for each id, as far as the budget went, {state, detail, body, record, crashes, priority, cancel asked, lane,
--          expires (epoch ms or ''), progress}; state '' if it is unknown. detail: the reservation (running), the due time
--          (delayed, retrying), since when it is held (limited), the time it ended or expires (others)
-- Cost: O(ids), within the budget

local out = {}

local function look(ids)
  local places, details = places_of(K, ids)
  local ends, moments = ends_of(K, ids)
  local live, archived = redis.call('HMGET', K.bodies, unpack(ids)), redis.call('HMGET', K.archive, unpack(ids))

  -- What is beside the jobs under a key: most have none of it.
  local function beside(key, command)
    return redis.call('EXISTS', key) == 1 and redis.call(command or 'HMGET', key, unpack(ids)) or {}
  end
  local records, crashes, priorities = beside(K.records), beside(K.crashes), beside(K.priorities)
  local cancels, lanes, progress = beside(K.cancels), beside(K.lanes), beside(K.progress)
  local expiring = beside(K.expiring, 'ZMSCORE')
  spend_bytes(live, READ)
  spend_bytes(archived, READ)
  spend_bytes(records, READ)

  for i in ipairs(ids) do
    local row, detail = places[i], details[i]
    if not live[i] then row, detail = archived[i] and ends[i], moments[i] end
    if row then
      if row.state == LISTED.state then detail = '' end
      out[#out + 1] = { row.state, detail, live[i] or archived[i], records[i] or '', crashes[i] or '0',
        priorities[i] or '0', cancels[i] and '1' or '0', lanes[i] or '', expiring[i] or '',
        row.state == 'running' and progress[i] or '' }
    else
      out[#out + 1] = { '', '', '', '', '0', '0', '0', '', '', '' }
    end
  end
end

each_slice(1, 1, function(from, to) look({ unpack(ARGV, from, to) }) end)
return out
