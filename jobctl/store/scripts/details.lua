-- Brings what only a close look at jobs needs: their attempts, the tracebacks that these name, and their results.
-- READS
-- KEYS: attempts traces results
-- ARGV: ids
-- Returns: for each id {attempts ('' if there are none, or all is in the record), result ('' if there is none), then each
--          digest that the attempts name, and its traceback}
-- Cost: O(ids), each at most 25 attempts of 4 KB and as many tracebacks of 8,000 characters

local out = {}
for i, id in ipairs(ARGV) do
  local lines = redis.call('HGET', K.attempts, id) or ''
  local row = { lines, redis.call('HGET', K.results, id) or '' }
  local seen = {}
  for digest in string.gmatch('\n' .. lines, '\n(%S+)') do
    local text = not seen[digest] and redis.call('HGET', K.traces, digest)
    seen[digest] = true
    if text then row[#row + 1], row[#row + 2] = digest, text end
  end
  out[i] = row
end
return out
