-- What a change of jobs has changed, for `op undo`: a list of chunks, each a queue and ids, one per line.
-- KEYS: operations

local MOST_UNDONE = 1000000 -- jobs; of a larger change nothing is remembered
local UNDO_MS = 604800000 -- seven days

-- Remembers ids, or for cancelled jobs `id|STATE|DUE`. `operation` is '' where there is none. O(#entries).
local function keep_for_undo(k, operation, queue, entries)
  if operation == '' or #entries == 0 then return end
  local key = k.operations .. ':' .. operation
  if redis.call('EXISTS', key) == 0 then return end
  if redis.call('HINCRBY', key, 'remembered', #entries) > MOST_UNDONE then
    redis.call('UNLINK', key .. ':done')
  else
    redis.call('RPUSH', key .. ':done', queue .. '\n' .. table.concat(entries, '\n'))
    redis.call('PEXPIRE', key .. ':done', UNDO_MS)
  end
end
