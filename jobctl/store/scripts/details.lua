-- Brings what only a close look at jobs needs: their attempts, the tracebacks that these name, and their results.
-- READS
-- INCLUDE: _budget _digests
-- KEYS: attempts traces results
-- ARGV: ids
-- Returns: for each id, as far as the budget went, {attempts ('' if there are none, or all is in the record), result ('' if
--          there is none), then each digest that the attempts name, and its traceback}
-- Cost: O(ids), within the budget

local out = {}

local function look(id)
  local lines = redis.call('HGET', K.attempts, id) or ''
  local row = { lines, redis.call('HGET', K.results, id) or '' }
  local seen = {}
  for _, digest in ipairs(digests_of(lines)) do
    local text = not seen[digest] and redis.call('HGET', K.traces, digest)
    seen[digest] = true
    if text then row[#row + 1], row[#row + 2] = digest, text end
  end
  spend_bytes(row, READ)
  return row
end

each_slice(1, 1, function(from, to)
  for at = from, to do
    if at > from and not is_within(0) then return at - from end
    out[#out + 1] = look(ARGV[at])
  end
end)
return out
