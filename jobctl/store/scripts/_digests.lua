-- The digests of tracebacks that lines of attempts begin with.

-- Of each line that has one, in their order. Lines are long: patterns would look at every character.
local function digests_of(lines)
  local out, start = {}, 1
  while start do
    local space = string.find(lines, ' ', start, true)
    if not space then break end
    local digest = string.sub(lines, start, space - 1)
    if digest ~= '-' then out[#out + 1] = digest end
    local stop = string.find(lines, '\n', space, true)
    start = stop and stop + 1
  end
  return out
end
