-- The states of jobs that have ended: those with a body in `archive`. The other half of the table of states is _live.
-- KEYS: completed cancelled dead trash

-- The sorted set of each state. at_end: the score is the job's end. kept: by `keep`, and forgotten then. expires: the score
-- is when it is forgotten. The others are forgotten only where `keep` says so of dead letters: see trim.
local ENDED = {
  { state = 'completed', key = 'completed', at_end = true, kept = true },
  { state = 'cancelled', key = 'cancelled', at_end = true, kept = true },
  { state = 'dead', key = 'dead', at_end = true },
  { state = 'discarded', key = 'trash', expires = true },
}

local COMPLETED = ENDED[1]
local DEAD = ENDED[3]

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
