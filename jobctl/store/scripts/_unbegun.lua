-- Jobs whose attempt ends although it never began: the rates of their buckets are as if they had not been fetched.
-- INCLUDE: _limits _rates _lanes _due
-- KEYS: lanes priorities since

-- How many were counted against a bucket by one fetch. What was counted together is taken back together: of each part
-- what has passed would be kept.
local counts, known = {}, {}

-- Notes those of the attempts that never began: `offset` arguments after where each is in ARGV is 0 then, else 1. They may
-- have had the turn of the last priority: the next one is of it. O(#ids).
local function note_unbegun(k, ids, at, offset)
  local unbegun, fetched_at = {}, {}
  for i, id in ipairs(ids) do
    local when = ARGV[at[i] + offset] == '0' and tonumber(string.match(ARGV[at[i] + 1], '-(%d+)$'))
    if when then unbegun[#unbegun + 1], fetched_at[#fetched_at + 1] = id, when end
  end
  if #unbegun == 0 then return end
  if redis.call('EXISTS', k.priorities) == 1 then redis.call('SET', k.since, STARVE - 1) end
  for i, lane in ipairs(redis.call('HMGET', k.lanes, unpack(unbegun))) do
    for _, bucket in ipairs(buckets_of(lane or '')) do
      if is_rate(bucket) then
        local key = fetched_at[i] .. '|' .. bucket
        if not counts[key] then known[#known + 1] = { key, bucket, fetched_at[i] } end
        counts[key] = (counts[key] or 0) + 1
      end
    end
  end
end

-- Those that were noted are no longer counted, as far as they still held up others; who waits for these buckets is looked
-- at now. O(buckets).
local function refund_unbegun(k, queue, now)
  for _, each in ipairs(known) do
    local bucket = each[2]
    local spec = spec_of(k, limit_of(bucket), now)
    if spec and not penalty_of(k, bucket, now) then -- after a penalty there is no burst
      local state = read_rate(k, spec, bucket, now)
      if COUNTERS[spec.window].take_back(state, spec, counts[each[1]], each[3], now) then
        write_rate(k, spec, bucket, state, now)
        if look_now(k, queue, bucket, now) then wake(k) end
      end
    end
  end
end
