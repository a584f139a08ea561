-- Ends attempts that succeeded: the body goes to the archive, the record with the result beside it.
-- INCLUDE: _token _lanes _settle _ended _forget _events
-- KEYS: running cancels progress crashes bodies archive records completed
-- ARGV: queue, keep_ms, keep_count, event_maxlen, then for each job: id, token, record, event
-- Returns: the indexes (from 0) of the attempts that are no longer current; nothing was changed for them
-- Cost: O(jobs)

local queue, keep_ms, keep_count, maxlen = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local now = time_ms()
local late, events, ids, records, scores = {}, {}, {}, {}, {}
for i = 5, #ARGV, 4 do
  local id, token = ARGV[i], ARGV[i + 1]
  if holds(K, id, token) then
    redis.call('HDEL', K.running, id)
    ids[#ids + 1] = id
    records[#records + 1] = id
    records[#records + 1] = ARGV[i + 2]
    scores[#scores + 1] = now
    scores[#scores + 1] = id
    if ARGV[i + 3] ~= '' then events[#events + 1] = ARGV[i + 3] end
  else
    late[#late + 1] = (i - 5) / 4
  end
end
if #ids == 0 then return late end
if redis.call('EXISTS', K.cancels) == 1 then redis.call('HDEL', K.cancels, unpack(ids)) end
if redis.call('EXISTS', K.progress) == 1 then redis.call('HDEL', K.progress, unpack(ids)) end
if redis.call('EXISTS', K.crashes) == 1 then redis.call('HDEL', K.crashes, unpack(ids)) end
local bodies = redis.call('HMGET', K.bodies, unpack(ids))
redis.call('HDEL', K.bodies, unpack(ids))
local archived = {}
for i, id in ipairs(ids) do
  archived[#archived + 1] = id
  archived[#archived + 1] = bodies[i] or ''
end
redis.call('HSET', K.archive, unpack(archived))
redis.call('HSET', K.records, unpack(records))
redis.call('ZADD', K.completed, unpack(scores))
free_slots(K, queue, ids)
over(K, ids, 'completed')
trim(K, COMPLETED, now, keep_ms, keep_count, 2 * #ids + 10)
publish_events(K, events, maxlen)
announce(K, queue, ids)
return late
