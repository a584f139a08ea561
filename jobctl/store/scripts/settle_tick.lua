-- Notes how the job of a tick has ended, once. After `most` failures in a row the schedule is paused.
-- INCLUDE: _renamed _ticks
-- KEYS: cursors open_ticks
-- ARGV: schedule, tick (epoch ms), queue, id, state (completed | dead | cancelled | gone), started and ended (epoch ms, ''
--       if not known), most failures in a row ('0' for any number), the pause ('0|by|reason')
-- Returns: {1 if this call noted it, failures in a row, 1 if it paused the schedule}
-- Cost: O(log of the rows)

local name, tick, id, state, most = root_of(K, ARGV[1]), ARGV[2], ARGV[4], ARGV[5], tonumber(ARGV[8])
local open, failed = open_of(K, name), name .. '|failed'

local function note_end()
  for _, member in ipairs(redis.call('ZREVRANGEBYSCORE', history_of(K, name), tick, tick, 'LIMIT', 0, 50)) do
    local row = cjson.decode(string.sub(member, 2))
    if row.job == id then
      row.state, row.started, row.ended = state, tonumber(ARGV[6]), tonumber(ARGV[7])
      return write_row(K, name, tick, string.sub(member, 1, 1), row, member, time_ms())
    end
  end
end

if redis.call('ZREM', open, ARGV[3] .. ' ' .. id) == 0 then return { 0, 0, 0 } end
note_end()
if redis.call('EXISTS', open, queued_of(K, name)) == 0 then redis.call('SREM', K.open_ticks, name) end
if state == 'completed' then redis.call('HDEL', K.cursors, failed) end
if state ~= 'dead' then return { 1, 0, 0 } end
local failures = redis.call('HINCRBY', K.cursors, failed, 1)
local paused = is_paused(K, name, redis.call('HGET', K.cursors, name .. '|paused'), time_ms())
if most == 0 or failures < most or paused then return { 1, failures, 0 } end
redis.call('HSET', K.cursors, name .. '|paused', ARGV[9])
redis.call('HDEL', K.cursors, failed)
return { 1, failures, 1 }
