-- Keeps the claims of a token by reference, unless the limit of its app or of all apps is reached.
--
-- KEYS  1 the key of the claims, which ends with the id of the token  2 the kept tokens (by expiry)
--       3 the bytes of all claims  4 the bytes of each app (hash by app)
-- ARGV  1 the claims  2 the latest time  3 the expiry  4 the maximum bytes of all claims  5 the id of the token
--       6 its app  7 the maximum bytes of an app  8 the bytes that an entry counts in addition to its claims

-- Redis drops claims by itself if no service does, by the clock of its machine, which may be wrong by as much as SLACK.
local MAX_DROPPED, SLACK = 50, 86400000
local size, all = #ARGV[1] + tonumber(ARGV[8]), tonumber(redis.call('GET', KEYS[3]) or 0)
local over = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[2], 'LIMIT', 0, MAX_DROPPED)
for _, member in ipairs(over) do
  -- An earlier version did not write the app.
  local id, bytes, app = string.match(member, '^(%S+) (%d+) ?(%S*)$')
  all = all - tonumber(bytes)
  redis.call('DEL', string.sub(KEYS[1], 1, -1 - #ARGV[5]) .. id)
  if app ~= '' and redis.call('HINCRBY', KEYS[4], app, '-' .. bytes) <= 0 then redis.call('HDEL', KEYS[4], app) end
  redis.call('ZREM', KEYS[2], member)
end
-- Reset the counters, even if one of the keys was lost.
if redis.call('ZCARD', KEYS[2]) == 0 then
  all = 0
  redis.call('DEL', KEYS[4])
end
local of_app = tonumber(redis.call('HGET', KEYS[4], ARGV[6]) or 0)
local fits = all + size <= tonumber(ARGV[4]) and of_app + size <= tonumber(ARGV[7])
if fits then
  all = all + size
  redis.call('SET', KEYS[1], ARGV[1], 'PX', math.max(0, tonumber(ARGV[3]) - tonumber(ARGV[2])) + SLACK)
  redis.call('ZADD', KEYS[2], ARGV[3], ARGV[5] .. ' ' .. size .. ' ' .. ARGV[6])
  redis.call('HINCRBY', KEYS[4], ARGV[6], size)
end
if fits or #over > 0 then redis.call('SET', KEYS[3], string.format('%.0f', math.max(0, all))) end
return fits and 1 or 0
