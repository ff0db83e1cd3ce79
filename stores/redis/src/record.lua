-- One atomic step on one session.
--
-- KEYS   the session, the era of its group
-- ARGV   the step, now in milliseconds, what the step needs
-- value  era[8] .. record; of the record only its stamp is looked at (session-core/src/record.rs, bytes 0 to 31)
-- reply  {code, bytes}: 0 missing, 1 applied (bytes: the version), 2 conflict (bytes: the record that is there)
--
-- A session is there if its era is that of its group, for end_all sets another one, and if it is not over by `now`. A
-- delete asks no clock: what one node has ended must not be alive by the clock of another.

local step, now = ARGV[1], tonumber(ARGV[2])
local MISSING, APPLIED, CONFLICT = 0, 1, 2
local ERA, HEAD, FORMAT = 8, 60, 2
local VERSION, LOGIN, SEEN, IDLE, ENDS = 2, 10, 14, 20, 26
local NEVER = 281474976710655
-- a key outlives its session by this, so that clocks may differ; nothing outlives its last use by more than 400 days
local MARGIN, LONGEST = 300000, 34560000000

local both = redis.call('MGET', KEYS[1], KEYS[2])
local value, era = both[1], both[2]

local function bytes(record, at, length)
  return record:sub(at + 1, at + length)
end

local function number(record, at)
  local sum = 0
  for place = at + 6, at + 1, -1 do
    sum = sum * 256 + record:byte(place)
  end
  return sum
end

local function little_endian(sum)
  local text = ''
  for _ = 1, 6 do
    text = text .. string.char(sum % 256)
    sum = math.floor(sum / 256)
  end
  return text
end

local function deadline(record, seen)
  local idle, ends = number(record, IDLE), number(record, ENDS)
  local over = NEVER
  if idle > 0 then over = math.min(over, seen + idle) end
  if ends > 0 then over = math.min(over, ends) end
  return over
end

local function life(record, seen)
  return string.format('%.0f', math.min(math.max(deadline(record, seen) - now, 0) + MARGIN, LONGEST))
end

local record = value and value:sub(ERA + 1)
-- not written by this version: never over, of no version
local foreign = record and (#record < HEAD or record:byte(1) ~= FORMAT)
local live = record and not foreign and value:sub(1, ERA) == era
    and (step == 'delete' or now < deadline(record, number(record, SEEN)))

if step == 'create' then
  -- ARGV: the record, the era of a group that has none yet
  if live or foreign then return {CONFLICT} end
  if not era then
    era = ARGV[4]
    redis.call('SET', KEYS[2], era)
  end
  local new = ARGV[3]
  local put = {'SET', KEYS[1], era .. new, 'PX', life(new, number(new, SEEN))}
  -- what MGET does not show is of another type, and stays
  if not value then put[#put + 1] = 'NX' end
  if not redis.call(unpack(put)) then return {CONFLICT} end
  return {APPLIED, bytes(new, VERSION, 8)}
end

if not live and not foreign then return {MISSING} end

if step == 'update' then
  -- ARGV: the record, the version that was seen
  if foreign or bytes(record, VERSION, 8) ~= ARGV[4] then return {CONFLICT, record} end
  local new = ARGV[3]
  local seen = math.max(number(record, SEEN), number(new, SEEN))
  new = bytes(new, 0, SEEN) .. little_endian(seen) .. new:sub(SEEN + 7)
  redis.call('SET', KEYS[1], era .. new, 'PX', life(new, seen))
  return {APPLIED, bytes(new, VERSION, 8)}
end

if step == 'touch' then
  if foreign then return {CONFLICT} end
  if now > number(record, SEEN) then
    redis.call('SETRANGE', KEYS[1], ERA + SEEN, little_endian(now))
    redis.call('PEXPIRE', KEYS[1], life(record, now))
  end
  return {APPLIED, bytes(record, VERSION, 8)}
end

if step == 'delete' then
  -- ARGV: a place in the record and the bytes that must be there; none: whatever is there
  local only = ARGV[4]
  if #only > 0 and (foreign or bytes(record, tonumber(ARGV[3]), #only) ~= only) then return {CONFLICT} end
  redis.call('DEL', KEYS[1])
  return {APPLIED, foreign and '' or bytes(record, VERSION, 8)}
end

return redis.error_reply('ERR unknown step')
