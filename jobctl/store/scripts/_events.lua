-- Telling what happened.
-- KEYS: events finished

-- One stream entry a batch of events, each a JSON object on a line of its own.
local function publish_events(k, events, maxlen)
  if #events > 0 then
    redis.call('XADD', k.events, 'MAXLEN', '~', maxlen, '*', 'e', table.concat(events, '\n'))
  end
end

-- Announces that jobs have ended: 'QUEUE ID ID …'. An id alone names no job, and no queue's name has a space in it.
local function announce(k, queue, ids)
  if #ids > 0 then redis.call('PUBLISH', k.finished, queue .. ' ' .. table.concat(ids, ' ')) end
end
