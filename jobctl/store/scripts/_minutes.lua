-- The minutes of statistics: opening one, and packing the one that is over into what is kept. See docs/redis.md, Statistics.
-- INCLUDE: _budget
-- KEYS: stats

local LETTERS = { 'e', 's', 'c', 'f', 'r', 'd', 'x' }
local MINUTES_KEPT = 180
-- Longer periods. open: the field of the one that is not over; letter: those of the others; minutes: its length
local PERIODS = { { open = 'H', letter = 'h', minutes = 60, kept = 72 }, { open = 'D', letter = 'd', minutes = 1440, kept = 90 } }
local KEPT_DAYS = 91
local MOST_BUCKETS = 60 -- of one period: what is below them counts in the lowest
local MOST_TYPES = 1000 -- of a queue: those that come later count together
local OTHERS = '(others)'
local CLOSED = 8 -- minutes that one call may close: others are closed by later ones
local LARGEST_COUNT = 4294967295

local closed = 0

-- A count in a byte, within 6 %, up to sixteen thousand million.
local function rounded(n)
  local power = 0
  while n >= 16 do n, power = math.floor(n / 2), power + 1 end
  return math.min(8 * power + n, 255)
end

-- The buckets of one histogram: the lowest, how many, then a byte for each.
local function packed_buckets(counts, letter)
  local found, low, high = {}, nil, nil
  for field, n in pairs(counts) do
    local at = string.sub(field, 1, 1) == letter and tonumber(string.sub(field, 2))
    if at then
      found[at] = n
      low, high = math.min(low or at, at), math.max(high or at, at)
    end
  end
  if not low then return '\0\0' end
  local first, bytes = math.max(low, high - MOST_BUCKETS + 1), {}
  for at = low, first - 1 do found[first] = (found[first] or 0) + (found[at] or 0) end
  for at = first, high do bytes[#bytes + 1] = string.char(rounded(found[at] or 0)) end
  return string.char(first, #bytes) .. table.concat(bytes)
end

-- A period that is over: its number, the counters, the histograms.
local function packed(number, counts)
  local out = { struct.pack('>I4', number) }
  for _, letter in ipairs(LETTERS) do out[#out + 1] = struct.pack('>I4', math.min(counts[letter] or 0, LARGEST_COUNT)) end
  return table.concat(out) .. packed_buckets(counts, 'w') .. packed_buckets(counts, 't')
end

local function add_to(sum, counts)
  for field, n in pairs(counts) do sum[field] = (sum[field] or 0) + n end
end

-- Adds a minute that is over to what is kept. O(its counters).
local function keep_minute(k, name, minute, counts)
  local key = k.stats .. ':past:' .. name
  local sets = { 'm' .. minute % MINUTES_KEPT, packed(minute, counts) }
  for _, period in ipairs(PERIODS) do
    local number = math.floor(minute / period.minutes)
    local text = redis.call('HGET', key, period.open)
    local sum = text and cmsgpack.unpack(text) or { at = number }
    if sum.at ~= number then
      sets[#sets + 1], sets[#sets + 2] = period.letter .. sum.at % period.kept, packed(sum.at, sum)
      sum = { at = number }
    end
    add_to(sum, counts)
    sets[#sets + 1], sets[#sets + 2] = period.open, cmsgpack.pack(sum)
  end
  local text = redis.call('HGET', key, 'T')
  local total = text and cmsgpack.unpack(text) or {}
  add_to(total, counts)
  sets[#sets + 1], sets[#sets + 2] = 'T', cmsgpack.pack(total)
  redis.call('HSET', key, unpack(sets))
  redis.call('PEXPIRE', key, KEPT_DAYS * 86400000)
  spend(40)
end

-- Closes a type's minute.
local function close_minute(k, name, key, minute)
  closed = closed + 1
  local counts, values = {}, redis.call('HGETALL', key)
  for i = 1, #values, 2 do
    if values[i] ~= 'at' then counts[values[i]] = tonumber(values[i + 1]) end
  end
  keep_minute(k, name, minute, counts)
  redis.call('DEL', key)
end

-- The type under which a new one is counted.
local function counted_as(k, name, minute)
  if redis.call('ZCARD', k.stats) < MOST_TYPES or redis.call('ZSCORE', k.stats, name) then return name end
  local oldest = redis.call('ZRANGE', k.stats, 0, 0, 'WITHSCORES')
  if tonumber(oldest[2]) >= minute - KEPT_DAYS * 1440 then return OTHERS end
  redis.call('ZREM', k.stats, oldest[1]) -- all that was counted of it has expired
  return name
end

-- The key under which a type is counted in this minute. If too much is to be closed first, that is the minute before; and if
-- the clock was set back, one that is still to come.
local function open_minute(k, name, minute)
  local key = k.stats .. ':now:' .. name
  local before = tonumber(redis.call('HGET', key, 'at') or nil)
  if not before then
    local as = counted_as(k, name, minute)
    if as ~= name then return open_minute(k, as, minute) end
  elseif before >= minute or closed >= CLOSED then
    return key
  else
    close_minute(k, name, key, before)
  end
  redis.call('HSET', key, 'at', string.format('%d', minute))
  redis.call('PEXPIRE', key, KEPT_DAYS * 86400000)
  redis.call('ZADD', k.stats, minute, name)
  return key
end
