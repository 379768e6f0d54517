-- One round trip, of one request or of several that came at once: looks whether the store is whole, does what is asked, and tells what is new.
--
-- KEYS  1 state (hash)  2 records (hash by name)  3 log (names by the sequence number of their last change)
--       4 expiries (names by when they expire)  5 nonces (by their timestamps)
-- ARGV  1 now  2 the sequence number up to which the caller knows everything  3 the generation that it knows
--       4 a generation to take if the store has none  5 the window  6 the latest time that the caller knows of
--       7 what to do, and 8... with what
-- All moments are the callers' own, in milliseconds: the clock of this machine has no part in what is decided.

local DAY, PAGE, MAX_DROPPED, FORMAT = 86400000, 500, 50, 1
local now, since, known, window = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[5])
local state = redis.call('HMGET', KEYS[1], 'generation', 'seq', 'latest', 'from', 'floor', 'forgotten', 'top', 'format')
local generation = state[1]
local seq, latest, from = tonumber(state[2] or 0), tonumber(state[3] or 0), tonumber(state[4] or 0)
local floor, forgotten, top = tonumber(state[5] or 0), tonumber(state[6] or 0), tonumber(state[7] or 0)
if tonumber(state[8] or FORMAT) > FORMAT then
  return redis.error_reply('FORMAT of a newer version')
end
-- A service that starts knows no time yet, and begins nothing.
if not generation and ARGV[7] == 'peek' then return { 'done', known, '0', '0', '0', 0, 0, {} } end
local function text(number) return string.format('%.0f', number) end

-- The caller may know a later time; one that is a day off is wrong.
now = math.max(now, tonumber(ARGV[6]))
if now > 0 and latest > now + DAY then latest = now end
local ahead = now > latest
if ahead then latest = now end

-- Empty, or older than what the caller has seen: what was used or revoked is not known.
local reborn = not generation or (generation == known and seq < since)
if reborn then
  generation = ARGV[4]
  seq = math.max(seq, since) + 1
  from = ARGV[7] == 'found' and 0 or latest + window
elseif top > forgotten and redis.call('EXISTS', KEYS[5]) == 0 then
  -- The nonces alone are gone: by themselves, after long, or not. Whoever's clock steps back may come with one of them.
  forgotten = math.max(forgotten, top)
  reborn = true
end
if generation ~= known and since >= seq then
  -- The caller has counted further, and shall not take this for what it had.
  seq = since + 1
  reborn = true
end

local function put(name, there, value, expires)
  seq = seq + 1
  redis.call('ZADD', KEYS[3], text(seq), name)
  if there == '1' then redis.call('HSET', KEYS[2], name, value) else redis.call('HDEL', KEYS[2], name) end
  -- That something is gone has to be told for as long as somebody may not have heard of it.
  if there == '0' then expires = text(latest + DAY) end
  if expires ~= '' then redis.call('ZADD', KEYS[4], expires, name) else redis.call('ZREM', KEYS[4], name) end
end

local act, outcome, changed = ARGV[7], 'done', reborn
if act == 'use' then
  -- Any number of nonces, each with its timestamp before it; the outcome has a letter for each.
  local over = redis.call('ZCOUNT', KEYS[5], '-inf', '(' .. text(latest - window))
  over = math.min(over, MAX_DROPPED + #ARGV)
  if over > 0 then
    local last = redis.call('ZRANGE', KEYS[5], over - 1, over - 1, 'WITHSCORES')
    redis.call('ZREMRANGEBYRANK', KEYS[5], 0, over - 1)
    forgotten = math.max(forgotten, tonumber(last[2]))
  end
  local outcomes, used = {}, 0
  for i = 8, #ARGV, 2 do
    local timestamp, outcome = tonumber(ARGV[i]), 'd'
    if timestamp <= from then outcome = 'u'
    elseif timestamp <= forgotten then outcome = 'f'
    elseif redis.call('ZADD', KEYS[5], 'NX', ARGV[i], ARGV[i + 1]) == 0 then outcome = 'a'
    else used, top = used + 1, math.max(top, timestamp) end
    table.insert(outcomes, outcome)
  end
  outcome = table.concat(outcomes)
  if used > 0 then
    seq = seq + used
    -- Goes by itself once nobody serves any more.
    redis.call('PEXPIRE', KEYS[5], 30 * window)
  end
  changed = changed or ahead or over > 0 or used > 0
elseif act == 'write' then
  local seen = tonumber(ARGV[8])
  for i = 9, #ARGV, 4 do
    local version = redis.call('ZSCORE', KEYS[3], ARGV[i])
    if version and tonumber(version) > seen then outcome = 'outdated' end
  end
  if generation ~= known then outcome = 'outdated' end
  if outcome == 'done' then
    for i = 9, #ARGV, 4 do put(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]) end
    local over = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', text(latest), 'LIMIT', 0, MAX_DROPPED)
    for _, name in ipairs(over) do
      -- Who does not know that it went has to read everything.
      floor = math.max(floor, tonumber(redis.call('ZSCORE', KEYS[3], name) or 0))
      redis.call('ZREM', KEYS[3], name)
      redis.call('ZREM', KEYS[4], name)
      redis.call('HDEL', KEYS[2], name)
    end
    changed = true
  end
elseif act == 'restore' then
  for i = 8, #ARGV, 4 do
    if not redis.call('ZSCORE', KEYS[3], ARGV[i]) then put(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]) end
  end
  changed = true
end
if changed then
  redis.call('HSET', KEYS[1], 'generation', generation, 'seq', text(seq), 'latest', text(latest), 'from', text(from),
    'floor', text(floor), 'forgotten', text(forgotten), 'top', text(top), 'format', FORMAT)
end

local reset = generation ~= known or (since > 0 and since < floor)
local news, upto, more = {}, seq, 0
if not reset then
  local names = redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. text(since), '+inf', 'WITHSCORES', 'LIMIT', 0, PAGE)
  for i = 1, #names, 2 do
    local value = redis.call('HGET', KEYS[2], names[i])
    local expires = redis.call('ZSCORE', KEYS[4], names[i])
    table.insert(news, names[i])
    table.insert(news, value and '1' or '0')
    table.insert(news, value or '')
    table.insert(news, (value and expires) and text(tonumber(expires)) or '')
  end
  if #names == 2 * PAGE then upto, more = tonumber(names[#names]), 1 end
end
return { outcome, generation, text(upto), text(latest), text(from), reset and 1 or 0, more, news }
