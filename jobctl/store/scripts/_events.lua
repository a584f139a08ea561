-- Telling what happened.
-- KEYS: events finished

-- One stream entry a batch of events, each a JSON object on a line of its own.
local function publish_events(k, events, maxlen)
  if #events > 0 then
    redis.call('XADD', k.events, 'MAXLEN', '~', maxlen, '*', 'e', table.concat(events, '\n'))
  end
end

-- Announces that jobs have ended.
local function announce(k, ids)
  if #ids > 0 then redis.call('PUBLISH', k.finished, table.concat(ids, ' ')) end
end
