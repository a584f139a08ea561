-- The states of jobs that have ended: those with a body in `archive`. The other half of the table of states is _live.
-- KEYS: completed cancelled dead trash

-- The sorted set of each state. kept: by `keep`, and forgotten then; the score is the job's end. expires: the score is
-- when it is forgotten. The others are never forgotten by themselves.
local ENDED = {
  { state = 'completed', key = 'completed', kept = true },
  { state = 'cancelled', key = 'cancelled', kept = true },
  { state = 'dead', key = 'dead' },
  { state = 'discarded', key = 'trash', expires = true },
}

local COMPLETED = ENDED[1]

-- Where ended jobs are: for each id its row of ENDED, and its score there; nil for an id that is in none. O(#ids).
local function ends_of(k, ids)
  local rows, scores = {}, {}
  for _, row in ipairs(ENDED) do
    if redis.call('EXISTS', k[row.key]) == 1 then
      for i, score in ipairs(redis.call('ZMSCORE', k[row.key], unpack(ids))) do
        if score then rows[i], scores[i] = row, score end
      end
    end
  end
  return rows, scores
end
