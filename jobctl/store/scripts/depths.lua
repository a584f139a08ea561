-- Counts the jobs of several queues in one consistent look, and names those at the head of their lines.
-- READS
-- INCLUDE: _live _ended
-- KEYS: queues
-- KEYS-EACH: bodies stale stock_delayed_bodies stock_dead ready ordered running
-- ARGV: heads, the names of the queues
-- Returns: for each queue {{entries of the list, bodies, delayed and dead ones in the inboxes, 1 if jobctl has used it, jobs
--          that have begun to run (0 if workers hold too many to read)}, ids of the first jobs of its lines (of `heads`
--          entries each), {state, count, ...}}; of one that has none of its keys the lists of ids and states are empty
-- Cost: O(queues + what workers hold, up to 2,000 jobs), at most 50 queues a call

local function count_of(k, row)
  if row == LISTED then return redis.call('LLEN', k.ready) - tonumber(redis.call('GET', k.stale) or '0') end
  return redis.call(row.hash and 'HLEN' or 'ZCARD', k[row.key])
end

local left = 2000 -- reservations that one call reads: of queues with more, what workers last said must do

local function begun_in(k)
  local held, begun = redis.call('HLEN', k.running), 0
  if held > left then return 0 end
  left = left - held
  for _, reservation in ipairs(redis.call('HVALS', k.running)) do
    if not string.find(reservation, '|0 *$') then begun = begun + 1 end
  end
  return begun
end

local function heads_of(k)
  local ids = {}
  for _, line in ipairs({ redis.call('LRANGE', k.ready, 0, ARGV[1] - 1), redis.call('ZRANGE', k.ordered, 0, ARGV[1] - 1) }) do
    for _, id in ipairs(line) do
      if redis.call('HEXISTS', k.bodies, id) == 1 then ids[#ids + 1] = id end
    end
  end
  return ids
end

-- Most queues of a namespace with very many are: one look at all their keys is a tenth of the count.
local function is_empty(k)
  local keys = {}
  for _, key in pairs(k) do keys[#keys + 1] = key end
  return redis.call('EXISTS', unpack(keys)) == 0
end

local function depth_of(k, used)
  if is_empty(k) then return { { 0, 0, 0, 0, used, 0 }, {}, {} } end
  local counts = {}
  for _, rows in ipairs({ LIVE, { LISTED }, ENDED }) do
    for _, row in ipairs(rows) do
      counts[#counts + 1], counts[#counts + 2] = row.state, count_of(k, row)
    end
  end
  return { { redis.call('LLEN', k.ready), redis.call('HLEN', k.bodies), redis.call('HLEN', k.stock_delayed_bodies),
    redis.call('ZCARD', k.stock_dead), used, begun_in(k) }, heads_of(k), counts }
end

local out = {}
for i, k in ipairs(Q) do out[i] = depth_of(k, redis.call('SISMEMBER', K.queues, ARGV[i + 1])) end
return out
