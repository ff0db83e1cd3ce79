-- One atomic step on one place of the cache.
--
-- KEYS   the place
-- ARGV   the step, milliseconds to keep, what it needs
-- value  what a layered store's entry is (stores/layered/src/cache_entry.rs), or a lease: 0x00 and a nonce
-- reply  look: what is there, or nothing when the lease was taken; otherwise 1 or 0: done or not

local step, keep = ARGV[1], ARGV[2]
local there = redis.call('GET', KEYS[1])

if step == 'look' then
  -- ARGV[3]: the lease
  if not there then
    redis.call('SET', KEYS[1], ARGV[3], 'PX', keep)
  end
  return there
end

if step == 'fill' then
  -- ARGV[3]: what was there when the lease was taken; ARGV[4]: the entry
  if there ~= ARGV[3] then
    return 0
  end
  redis.call('SET', KEYS[1], ARGV[4], 'PX', keep)
  return 1
end

if step == 'replace' then
  -- ARGV[3]: the version that may be replaced; ARGV[4]: the entry
  if there and there:byte(1) == 2 and there:sub(9, 16) == ARGV[3] then
    redis.call('SET', KEYS[1], ARGV[4], 'PX', keep)
    return 1
  end
  redis.call('DEL', KEYS[1])
  return 0
end

return redis.error_reply('ERR no such step')
