-- Moves dead letters to the trash by group, oldest first, without reading what they are.
-- INCLUDE: _groups
-- KEYS: groups trash
-- ARGV: ttl_ms, limit, from, to (died_at, as ZRANGEBYSCORE takes it), then the groups
-- Returns: {discarded, groups that are done}
-- Cost: O(limit + groups)

local expires, limit, from, to = time_ms() + tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4]
local discarded, done = 0, 0
for i = 5, #ARGV do
  local want = limit - discarded
  if want <= 0 then break end
  local ids = redis.call('ZRANGEBYSCORE', K.groups .. ':' .. ARGV[i], from, to, 'LIMIT', 0, want)
  if #ids > 0 then
    local scored = {}
    for _, id in ipairs(ids) do
      scored[#scored + 1], scored[#scored + 2] = expires, id
    end
    redis.call('ZADD', K.trash, unpack(scored))
    unbury_all(K, ids, ARGV[i], true)
    discarded = discarded + #ids
  end
  if #ids == want then break end
  done = done + 1
end
return { discarded, done }
