-- Counts the jobs of several queues in one consistent look, and names those at the head of their lines.
-- READS
-- INCLUDE: _live _ended
-- KEYS: queues
-- KEYS-EACH: bodies stale stock_delayed_bodies stock_dead ready ordered running
-- ARGV: heads, the names of the queues
-- Returns: for each queue {{entries of the list, bodies, delayed and dead ones in the inboxes, 1 if jobctl has used it, jobs
--          that have begun to run (0 if workers hold too many to read)}, ids of the first jobs of its lines (of `heads` entries each), {state, count, ...}}
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

local out = {}
for i, k in ipairs(Q) do
  local counts = {}
  for _, rows in ipairs({ LIVE, { LISTED }, ENDED }) do
    for _, row in ipairs(rows) do
      counts[#counts + 1], counts[#counts + 2] = row.state, count_of(k, row)
    end
  end
  out[i] = { { redis.call('LLEN', k.ready), redis.call('HLEN', k.bodies), redis.call('HLEN', k.stock_delayed_bodies),
    redis.call('ZCARD', k.stock_dead), redis.call('SISMEMBER', K.queues, ARGV[i + 1]), begun_in(k) }, heads_of(k), counts }
end
return out
