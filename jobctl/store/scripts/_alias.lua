-- What a stock producer knows a job by: the id of its message. It is known for as long as the job is.
-- KEYS: aliases messages

-- Lets a job be found by its message's id, unless that is ''. Of two jobs with one, the later is found.
local function name_job(k, id, message_id)
  if message_id == '' then return end
  redis.call('HSET', k.aliases, message_id, id)
  redis.call('HSET', k.messages, id, message_id)
end

-- Nobody finds jobs by their messages' ids any more. O(#ids).
local function forget_names(k, ids)
  if redis.call('EXISTS', k.messages) == 0 then return end
  local own, names = {}, {}
  for i, name in ipairs(redis.call('HMGET', k.messages, unpack(ids))) do
    if name then own[#own + 1], names[#names + 1] = ids[i], name end
  end
  if #names == 0 then return end
  local gone = {}
  for i, id in ipairs(redis.call('HMGET', k.aliases, unpack(names))) do
    if id == own[i] then gone[#gone + 1] = names[i] end
  end
  if #gone > 0 then redis.call('HDEL', k.aliases, unpack(gone)) end
  redis.call('HDEL', k.messages, unpack(own))
end
