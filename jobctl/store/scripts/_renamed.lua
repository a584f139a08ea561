-- What schedules were called before: a schedule is kept under its newest name, and the others lead there.
-- KEYS: renamed

local MOST_NAMES = 16 -- one after the other

-- The name under which a schedule is kept.
local function root_of(k, name)
  for _ = 1, MOST_NAMES do
    local newer = redis.call('HGET', k.renamed, name)
    if not newer then break end
    name = newer
  end
  return name
end
