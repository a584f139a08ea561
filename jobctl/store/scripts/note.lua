-- Writes a note about an error group, if it is still as its writer saw it.
-- KEYS: notes
-- ARGV: its field, what it was ('' for none), what it is to be ('' deletes it), how many notes there may be
-- Returns: 1; 0 if it has changed meanwhile; -1 if there are too many
-- Cost: O(1)

if (redis.call('HGET', K.notes, ARGV[1]) or '') ~= ARGV[2] then return 0 end
if ARGV[3] == '' then
  redis.call('HDEL', K.notes, ARGV[1])
  return 1
end
if ARGV[2] == '' and redis.call('HLEN', K.notes) >= tonumber(ARGV[4]) then return -1 end
redis.call('HSET', K.notes, ARGV[1], ARGV[3])
return 1
