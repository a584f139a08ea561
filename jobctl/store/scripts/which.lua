-- Says which of several queues have a job of that id, in whatever state.
-- READS
-- KEYS-EACH: bodies archive
-- ARGV: id
-- Returns: the places of the queues (from 0)
-- Cost: O(queues), at most 250 a call

local out = {}
for i, k in ipairs(Q) do
  if redis.call('HEXISTS', k.bodies, ARGV[1]) == 1 or redis.call('HEXISTS', k.archive, ARGV[1]) == 1 then
    out[#out + 1] = i - 1
  end
end
return out
