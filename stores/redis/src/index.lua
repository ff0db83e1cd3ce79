-- One atomic step on the index of one subject.
--
-- KEYS  a hash: e = epoch, o = last order, handle[8] = login[4] .. ends[6]; a sorted set: handle by order; the era of
--       the group's index, a number that end_all replaces
-- ARGV  the step, now in milliseconds, what the step needs
--
-- The epoch that callers see is the sum of both: it changes if the subject's sessions end, and if everybody's do.
-- The first two keys live as long as their longest entry, and an hour after the epoch moved: no login takes so long.

local step, now = ARGV[1], tonumber(ARGV[2])
local MARGIN, HOUR, LONGEST = 300000, 3600000, 34560000000
local PRUNED = 4

local function keep(span)
  span = math.min(math.max(span, HOUR) + MARGIN, LONGEST)
  for at = 1, 2 do
    if redis.call('PTTL', KEYS[at]) < span then redis.call('PEXPIRE', KEYS[at], string.format('%.0f', span)) end
  end
end

local function number(text)
  local sum = 0
  for place = #text, 1, -1 do
    sum = sum * 256 + text:byte(place)
  end
  return sum
end

local function drop(handle)
  redis.call('HDEL', KEYS[1], handle)
  redis.call('ZREM', KEYS[2], handle)
end

local head = redis.call('HMGET', KEYS[1], 'e', 'o')
local era = redis.call('GET', KEYS[3]) or '0'
local own, last = head[1] or '0', head[2] or '0'

local function sum(epoch)
  return string.format('%.0f', tonumber(epoch) + tonumber(era))
end

local epoch = sum(own)

if step == 'list' then
  -- ARGV: after which order, how many; reply: epoch, last order, then handle, login .. ends, order of each
  local reply = {epoch, last}
  if ARGV[4] == '0' then return reply end
  local found = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[3], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[4])
  for at = 1, #found, 2 do
    reply[#reply + 1] = found[at]
    reply[#reply + 1] = redis.call('HGET', KEYS[1], found[at]) or ''
    reply[#reply + 1] = found[at + 1]
  end
  return reply
end

if step == 'add' then
  -- ARGV: the epoch that was seen, handle, login .. ends; reply: whether it was added
  local handle, entry = ARGV[4], ARGV[5]
  if epoch ~= ARGV[3] then return 0 end
  local old = redis.call('HGET', KEYS[1], handle)
  -- an add that comes late does not replace a newer login
  if not old or number(old:sub(1, 4)) < number(entry:sub(1, 4)) then
    local order = redis.call('HINCRBY', KEYS[1], 'o', 1)
    redis.call('HSET', KEYS[1], handle, entry)
    redis.call('ZADD', KEYS[2], string.format('%.0f', order), handle)
  end
  -- the oldest end first, mostly: so the index grows no larger than the sessions that have not ended
  for _, other in ipairs(redis.call('ZRANGE', KEYS[2], 0, PRUNED - 1)) do
    local ends = redis.call('HGET', KEYS[1], other)
    -- an hour later, for the clock of this node may be ahead of another's
    if not ends or number(ends:sub(5)) <= now - HOUR then drop(other) end
  end
  keep(number(entry:sub(5)) - now)
  return 1
end

if step == 'bump' then
  -- reply: epoch and last order
  local following = string.format('%.0f', math.max(tonumber(own) + 1, now))
  redis.call('HSET', KEYS[1], 'e', following)
  keep(0)
  return {sum(following), last}
end

if step == 'remove' then
  -- ARGV: handle, login
  local there = redis.call('HGET', KEYS[1], ARGV[3])
  if there and there:sub(1, 4) == ARGV[4] then drop(ARGV[3]) end
  return 1
end

return redis.error_reply('ERR unknown step')
