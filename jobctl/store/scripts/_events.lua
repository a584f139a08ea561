-- Telling what happened.
-- KEYS: events finished

local MOST_ENTRIES = 10000 -- in the stream of events
local ENTRY_BYTES = 8000 -- of one, unless a single event is larger: so the stream is bounded in bytes, too

-- Events as stream entries: JSON objects, a line each, as many as fit into an entry.
local function publish_events(k, events, most)
  local from, size = 1, 0
  for i, event in ipairs(events) do
    if size > 0 and size + #event > ENTRY_BYTES then
      redis.call('XADD', k.events, 'MAXLEN', '~', most, '*', 'e', table.concat(events, '\n', from, i - 1))
      from, size = i, 0
    end
    size = size + #event + 1
  end
  if size > 0 then
    redis.call('XADD', k.events, 'MAXLEN', '~', most, '*', 'e', table.concat(events, '\n', from, #events))
  end
end

-- What an event says happened, made another: `event` is its second field.
local function retold(event, what)
  local told = string.gsub(event, '"event":"%a+"', '"event":"' .. what .. '"', 1)
  return told
end

-- Announces that jobs have ended: 'QUEUE ID ID …'. An id alone names no job, and no queue's name has a space in it.
local function announce(k, queue, ids)
  if #ids > 0 then redis.call('PUBLISH', k.finished, queue .. ' ' .. table.concat(ids, ' ')) end
end
