-- Adds lines to the logs of attempts that hold their jobs.
-- INCLUDE: _token
-- KEYS: logs
-- ARGV: max lines, keep_ms, repeated ('1': a batch that is there already is not added again), then for each batch: id,
--       token, count, and so many lines
-- Returns: the indexes (from 0) of the batches whose attempt is no longer current; nothing was added for them
-- Cost: O(lines)

local max_lines, keep_ms, repeated = ARGV[1], tonumber(ARGV[2]), ARGV[3] == '1'
local late = {}
local at, place = 4, 0

-- Whether a batch that ends in this line was written already, and only the reply was lost.
local function is_there(key, line, count)
  for _, entry in ipairs(redis.call('XREVRANGE', key, '+', '-', 'COUNT', count + 100)) do
    if entry[2][2] == line then return true end
  end
  return false
end

while at <= #ARGV do
  local id, token, count = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  local key = K.logs .. id
  if not holds(K, id, token) then
    late[#late + 1] = place
  elseif not (repeated and is_there(key, ARGV[at + 2 + count], count)) then
    for i = at + 3, at + 2 + count do redis.call('XADD', key, '*', 'l', ARGV[i]) end
    redis.call('XTRIM', key, 'MAXLEN', '=', max_lines)
    if redis.call('PTTL', key) < keep_ms then redis.call('PEXPIRE', key, keep_ms) end
  end
  at, place = at + 3 + count, place + 1
end
return late
