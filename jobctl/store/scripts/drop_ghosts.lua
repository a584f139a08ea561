-- Forgets jobs whose body is gone: another program deleted it, and left their ids behind. One that has its body, runs, or
-- waits in the list is left alone: whoever ends it, or comes to its entry, sees to it.
-- INCLUDE: _live _ended _due _lanes _groups _forget
-- KEYS: bodies archive expiring
-- ARGV: queue, then for each job: id, its group ('' if it is not dead)
-- Returns: how many were forgotten
-- Cost: O(jobs)

local queue, now = ARGV[1], time_ms()
local ids, groups = {}, {}
for i = 2, #ARGV, 2 do ids[#ids + 1], groups[#groups + 1] = ARGV[i], ARGV[i + 1] end
local places = places_of(K, ids)
local ends, scores = ends_of(K, ids)
local live, archived = redis.call('HMGET', K.bodies, unpack(ids)), redis.call('HMGET', K.archive, unpack(ids))
local gone = 0
for i, id in ipairs(ids) do
  local row = places[i]
  if row == LISTED then row = ends[i] end
  if row and not row.hash and not live[i] and not archived[i] then
    if row.key == 'limited' then unpark(K, queue, id) end
    if row.key == 'dead' then unbury(K, id, groups[i]) end
    forget(K, row, { id }, { scores[i] }, now)
    redis.call('ZREM', K.expiring, id)
    gone = gone + 1
  end
end
if gone > 0 then refresh_due(K, queue) end
return gone
