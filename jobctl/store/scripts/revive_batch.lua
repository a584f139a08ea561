-- Retries dead letters by group, oldest first, without reading what they are: ids are taken from the groups' indexes.
-- INCLUDE: _groups _revive _unique _ready
-- KEYS: archive bodies crashes groups
-- ARGV: queue, limit, from, to (died_at, as ZRANGEBYSCORE takes it), letters to pass over in the first group, then the groups
-- Returns: {retried, without a body (left as they are), groups that are done, letters to pass over in the next one}
-- Cost: O(limit + groups)

local limit, from, to, passed = tonumber(ARGV[2]), ARGV[3], ARGV[4], tonumber(ARGV[5])
local revived, stuck, done = {}, 0, 0
local now, crashed = time_ms(), redis.call('EXISTS', K.crashes) == 1
for i = 6, #ARGV do
  local want = limit - #revived - stuck
  if want <= 0 then break end
  local ids = redis.call('ZRANGEBYSCORE', K.groups .. ':' .. ARGV[i], from, to, 'LIMIT', passed, want)
  if #ids > 0 then
    local good, fields = {}, {}
    for at, body in ipairs(redis.call('HMGET', K.archive, unpack(ids))) do
      if body then
        good[#good + 1], revived[#revived + 1] = ids[at], ids[at]
        fields[#fields + 1], fields[#fields + 2] = ids[at], renewed(ids[at], body, now)
      end
    end
    stuck, passed = stuck + #ids - #good, passed + #ids - #good
    if #good > 0 then
      redis.call('HSET', K.bodies, unpack(fields))
      redis.call('HDEL', K.archive, unpack(good))
      if crashed then redis.call('HDEL', K.crashes, unpack(good)) end
      unbury_all(K, good, ARGV[i], #good == #ids)
    end
  end
  if #ids == want then break end
  done, passed = done + 1, 0
end
drop_records_of_stock(K, ARGV[1], revived)
reclaim_keys(K, revived)
push_ready(K, revived, false)
return { #revived, stuck, done, passed }
