-- How many dead letters have a value, for each index: digest by count, and `*` by how many have any.
-- INCLUDE: _index
-- KEYS: index dead

local COUNTS = ':*dead|'

local function change_counts(k, name, by_digest)
  local key, total = k.index .. COUNTS .. name, 0
  for digest, step in pairs(by_digest) do
    if step ~= 0 and tonumber(redis.call('ZINCRBY', key, step, digest)) <= 0 then redis.call('ZREM', key, digest) end
    total = total + step
  end
  if total ~= 0 and tonumber(redis.call('ZINCRBY', key, total, '*')) <= 0 then redis.call('DEL', key) end
end

local function add_step(by_digest, score, step)
  if not score then return end
  local digest = string.format('%.0f', score)
  by_digest[digest] = (by_digest[digest] or 0) + step
end

-- Dead letters of a type came (step 1) or went (-1). `info` is what their group says of them. O(#ids) for each index of
-- the type.
local function tally_dead(k, ids, info, step)
  local job_type = #index_names(k) > 0 and string.match(info or '', '"type":"([^"]*)"')
  for _, name in ipairs(job_type and index_names(k) or {}) do
    if string.sub(name, 1, #job_type + 1) == job_type .. '|' then
      local by_digest = {}
      for _, score in ipairs(redis.call('ZMSCORE', k.index .. ':' .. name, unpack(ids))) do
        add_step(by_digest, score, step)
      end
      change_counts(k, name, by_digest)
    end
  end
end

-- Writes values of jobs that are there, some of them dead. `rows_by_name` is as gather_values makes it.
local function write_counted(k, rows_by_name)
  for name, rows in pairs(rows_by_name) do
    local ids, by_digest = {}, {}
    for i = 2, #rows, 2 do ids[#ids + 1] = rows[i] end
    if #ids > 0 and redis.call('EXISTS', k.dead) == 1 then
      local before = redis.call('ZMSCORE', k.index .. ':' .. name, unpack(ids))
      for i, died in ipairs(redis.call('ZMSCORE', k.dead, unpack(ids))) do
        if died then
          add_step(by_digest, before[i], -1)
          add_step(by_digest, rows[2 * i - 1], 1)
        end
      end
      change_counts(k, name, by_digest)
    end
  end
  write_values(k, rows_by_name)
end
