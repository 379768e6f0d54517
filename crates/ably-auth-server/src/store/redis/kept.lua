-- Keeps what a token refers to, unless there is too much of it already.
--
-- KEYS  1 where to, which ends with what tells it from all others  2 what is kept (by when it expires)
--       3 how many bytes all that is
-- ARGV  1 what to keep  2 the latest time  3 when it expires  4 the most bytes  5 what tells it from all others

-- What nobody comes to drop goes by itself, by the clock of this machine, which may be wrong by as much.
local SEPARATOR, MAX_DROPPED, SLACK = ' ', 50, 86400000
local size, all = #ARGV[1], tonumber(redis.call('GET', KEYS[3]) or 0)
local over = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[2], 'LIMIT', 0, MAX_DROPPED)
for _, member in ipairs(over) do
  local separator = string.find(member, SEPARATOR, 1, true)
  all = all - tonumber(string.sub(member, separator + 1))
  redis.call('DEL', string.sub(KEYS[1], 1, -1 - #ARGV[5]) .. string.sub(member, 1, separator - 1))
  redis.call('ZREM', KEYS[2], member)
end
-- Also if one of the two was lost.
if redis.call('ZCARD', KEYS[2]) == 0 then all = 0 end
local fits = all + size <= tonumber(ARGV[4])
if fits then
  all = all + size
  redis.call('SET', KEYS[1], ARGV[1], 'PX', math.max(0, tonumber(ARGV[3]) - tonumber(ARGV[2])) + SLACK)
  redis.call('ZADD', KEYS[2], ARGV[3], ARGV[5] .. SEPARATOR .. size)
end
if fits or #over > 0 then redis.call('SET', KEYS[3], string.format('%.0f', math.max(0, all))) end
return fits and 1 or 0
