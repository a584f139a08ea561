-- Adds lines to the logs of attempts that hold their jobs.
-- INCLUDE: _budget _token
-- KEYS: logs
-- ARGV: max lines, keep_ms, repeated ('1': a batch that is there already is not added again), then for each batch: id,
--       token, its lines (each JSON, so that one ends where the text does)
-- Returns: {how many batches were gone through, the indexes (from 0) of those whose attempt is no longer current}; nothing
--          was added for these
-- Cost: O(lines), within the budget

local max_lines, keep_ms, repeated = ARGV[1], tonumber(ARGV[2]), ARGV[3] == '1'

-- Whether a batch that ends in this line was written already, and only the reply was lost.
local function is_there(key, line, count)
  for _, entry in ipairs(redis.call('XREVRANGE', key, '+', '-', 'COUNT', count + 100)) do
    if entry[2][2] == line then return true end
  end
  return false
end

local function add(key, text)
  local lines = {}
  for line in string.gmatch(text, '[^\n]+') do lines[#lines + 1] = line end
  spend_bytes(lines, WRITTEN)
  if repeated and is_there(key, lines[#lines], #lines) then return end
  for _, line in ipairs(lines) do redis.call('XADD', key, '*', 'l', line) end
  redis.call('XTRIM', key, 'MAXLEN', '=', max_lines)
  if redis.call('PTTL', key) < keep_ms then redis.call('PEXPIRE', key, keep_ms) end
end

local out = {}
local done = each_slice(4, 3, function(from, to)
  local ids, at = current_of(K, 4, from, to, 3, out)
  for i, id in ipairs(ids) do add(K.logs .. id, ARGV[at[i] + 2]) end
end)
table.insert(out, 1, done)
return out
