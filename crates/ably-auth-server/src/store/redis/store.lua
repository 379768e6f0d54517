-- One round trip, of one request or of several that came at once: looks whether the store is whole, does what is asked, and tells what is new.
--
-- KEYS  1 state (hash)  2 records (hash by name: `1` if it is there, else `0`; its version; `:` and its value)
--       3 log (names by the sequence number of their last change)  4 expiries (names by when they expire)
--       5 nonces (by their timestamps)  6 writers (services by the sequence number of their last change)
-- ARGV  1 now  2 the sequence number up to which the caller knows everything  3 the generation that it knows
--       4 a generation to take if the store has none  5 the window  6 the latest time that the caller knows of
--       7 what to do  8 the caller's name  9 the sequence number of the last change that it knows to have made
--       10 the latest time that it was told in its generation  11 the run of Redis to which it is connected, if it knows
--       12 whether a restart of Redis loses nothing  13... with what to do it
-- All moments are the callers' own, in milliseconds: the clock of this machine has no part in what is decided.
-- A record's version is the sequence number under which it was written. It stays when the record is written back after a loss.

local DAY, MINUTE, PAGE, MAX_DROPPED, MAX_WRITERS, FORMAT, FIRST = 86400000, 60000, 500, 50, 10000, 2, 13
-- So far on, all that was written after a loss is newer than whatever was lost.
local LEAP = 1000000

-- Whether this can be written to, asked in a way that changes nothing: a replica learns late of what was revoked, and a primary
-- that has lost its replicas may be none any more. It comes first, since Redis looks at its memory before a script's first
-- write alone; to look on, a Redis that is full will do.
local looks = ARGV[7] == 'look' or ARGV[7] == 'peek'
local probe
if looks then probe = redis.pcall('HDEL', KEYS[1], '') else probe = redis.pcall('ZADD', KEYS[6], 'XX', 0, '') end
if type(probe) == 'table' and probe.err then
  for code, goes_for_all in pairs({ READONLY = true, NOREPLICAS = true, OOM = false, MISCONF = false }) do
    if (goes_for_all or not looks) and string.find(probe.err, code, 1, true) then
      return redis.error_reply(code .. ' it cannot be written')
    end
  end
  if not looks then return probe end
end

local now, since, known, window = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[5])
local act, caller, mine, told, run = ARGV[7], ARGV[8], tonumber(ARGV[9]), tonumber(ARGV[10]), ARGV[11]
local state = redis.call('HMGET', KEYS[1], 'generation', 'seq', 'latest', 'from', 'floor', 'forgotten', 'top', 'format',
  'run', 'count')
local generation = state[1]
local seq, latest, from = tonumber(state[2] or 0), tonumber(state[3] or 0), tonumber(state[4] or 0)
local floor, forgotten, top = tonumber(state[5] or 0), tonumber(state[6] or 0), tonumber(state[7] or 0)
if state[8] and tonumber(state[8]) ~= FORMAT then
  return redis.error_reply(tonumber(state[8]) > FORMAT and 'FORMAT newer' or 'FORMAT older')
end
-- A service that starts knows no time yet, and begins nothing; unless this is new, which what has remnants is not.
if not generation and (act == 'peek' or act == 'found' and redis.call('EXISTS', KEYS[2], KEYS[3], KEYS[5]) > 0) then
  return { 'done', known, '0', '0', '0', 0, 0, '0', {} }
end
local function text(number) return string.format('%.0f', number) end

-- The caller may know a later time.
now = math.max(now, tonumber(ARGV[6]))
local before = latest
if act == 'time' then
  -- A clock was wrong. What was used and revoked by it may have been dropped, and is not known.
  latest, from = now, now + window
  forgotten, top = math.min(forgotten, from), math.min(top, from)
  redis.call('ZREMRANGEBYSCORE', KEYS[5], '(' .. text(from), '+inf')
end
local ahead = now > latest
if ahead then latest = now end

-- Whether anything of what was used or revoked may not be known. Who starts judges nothing: from when on all is known again
-- depends on the time.
local lost, changed = not generation, false
local held, logged = redis.call('HLEN', KEYS[2]), redis.call('ZCARD', KEYS[3])
if generation and now > 0 then
  -- Empty, older than what the caller has seen, or without something that it did.
  lost = generation == known
    and (seq < since or mine > 0 and tonumber(redis.call('ZSCORE', KEYS[6], caller) or 0) < mine)
  -- Parts of it are gone.
  lost = lost or held ~= tonumber(state[10]) or logged ~= held
  if run ~= '' and run ~= state[9] then
    -- It was started again, or another has taken its place, that may have got less.
    lost = lost or state[9] and state[9] ~= '' and ARGV[12] == '0'
    state[9], changed = run, true
  end
end
if lost then
  local last = redis.call('ZREVRANGE', KEYS[3], 0, 0, 'WITHSCORES')
  seq = math.max(seq, since, mine, tonumber(last[2] or 0)) + LEAP
  generation, changed = ARGV[4], true
  if act ~= 'found' then from = math.max(from, latest + window) end
  if held ~= logged then
    for _, name in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
      if redis.call('HEXISTS', KEYS[2], name) == 0 then
        redis.call('ZREM', KEYS[3], name)
        redis.call('ZREM', KEYS[4], name)
      end
    end
    for _, name in ipairs(redis.call('HKEYS', KEYS[2])) do
      seq = seq + 1
      redis.call('ZADD', KEYS[3], 'NX', text(seq), name)
    end
  end
end
if top > forgotten and redis.call('EXISTS', KEYS[5]) == 0 then
  -- The nonces are gone: by themselves, after long, or not. Whoever's clock steps back may come with one of them.
  forgotten, changed = top, true
end
if generation ~= known then
  if since >= seq then
    -- The caller has counted further, and shall not take this for what it had.
    seq, changed = since + 1, true
  end
  if known ~= '' and told + window > from then
    -- What the caller used and is lost had at most this timestamp.
    from, changed = told + window, true
  end
end

local function put(name, there, value, expires, version)
  seq = seq + 1
  redis.call('ZADD', KEYS[3], text(seq), name)
  redis.call('HSET', KEYS[2], name, there .. (version or text(seq)) .. ':' .. value)
  -- That something is gone has to be told for as long as somebody may not have heard of it.
  if there == '0' then expires = text(latest + DAY) end
  if expires ~= '' then redis.call('ZADD', KEYS[4], expires, name) else redis.call('ZREM', KEYS[4], name) end
end

-- Whether it is there, its version, and its value.
local function parts(stored)
  local colon = string.find(stored, ':', 1, true)
  return string.sub(stored, 1, 1), string.sub(stored, 2, colon - 1), string.sub(stored, colon + 1)
end

local outcome = 'done'
-- Time alone is written now and then: whoever looks at tokens only has seen some that were over.
changed = changed or act == 'time' or latest - before >= MINUTE
if act == 'found' then
  outcome = lost and 'new' or 'done'
elseif act == 'use' then
  -- Any number of nonces, each with its timestamp before it; the outcome has a letter for each.
  -- By the clock as it is: one that was set back takes requests of its own time, and is not to forget them at once.
  local over = redis.call('ZCOUNT', KEYS[5], '-inf', '(' .. text(tonumber(ARGV[1]) - window))
  over = math.min(over, MAX_DROPPED + #ARGV)
  if over > 0 then
    local last = redis.call('ZRANGE', KEYS[5], over - 1, over - 1, 'WITHSCORES')
    redis.call('ZREMRANGEBYRANK', KEYS[5], 0, over - 1)
    forgotten = math.max(forgotten, tonumber(last[2]))
  end
  local outcomes, used = {}, 0
  for i = FIRST, #ARGV, 2 do
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
  local seen = tonumber(ARGV[FIRST])
  for i = FIRST + 1, #ARGV, 4 do
    local version = redis.call('ZSCORE', KEYS[3], ARGV[i])
    if version and tonumber(version) > seen then outcome = 'outdated' end
  end
  if generation ~= known then outcome = 'outdated' end
  if outcome == 'done' then
    for i = FIRST + 1, #ARGV, 4 do put(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]) end
    -- Twice as many as came, so that what is over grows less.
    local most = math.max(MAX_DROPPED, (#ARGV - FIRST) / 2)
    local over = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', text(latest), 'LIMIT', 0, most)
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
  for i = FIRST, #ARGV, 5 do
    local stored = redis.call('HGET', KEYS[2], ARGV[i])
    local version = stored and select(2, parts(stored))
    if not version or tonumber(version) < tonumber(ARGV[i + 4]) then
      put(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4])
    end
  end
  changed = true
end
if changed then
  redis.call('HSET', KEYS[1], 'generation', generation, 'seq', text(seq), 'latest', text(latest), 'from', text(from),
    'floor', text(floor), 'forgotten', text(forgotten), 'top', text(top), 'format', FORMAT, 'run', state[9] or run,
    'count', (lost or act == 'write' or act == 'restore') and redis.call('ZCARD', KEYS[3]) or logged)
  if redis.call('ZADD', KEYS[6], text(seq), caller) == 1 then
    redis.call('ZREMRANGEBYRANK', KEYS[6], 0, -1 - MAX_WRITERS)
  end
end

local reset = generation ~= known or (since > 0 and since < floor)
local news, upto, more = {}, seq, 0
if not reset then
  local names = redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. text(since), '+inf', 'WITHSCORES', 'LIMIT', 0, PAGE)
  for i = 1, #names, 2 do
    local stored = redis.call('HGET', KEYS[2], names[i])
    if stored then
      local there, version, value = parts(stored)
      local expires = redis.call('ZSCORE', KEYS[4], names[i])
      for _, field in ipairs({ names[i], there, value, expires and text(tonumber(expires)) or '', version }) do
        table.insert(news, field)
      end
    end
  end
  if #names == 2 * PAGE then upto, more = tonumber(names[#names]), 1 end
end
return {
  outcome, generation, text(upto), text(latest), text(from), reset and 1 or 0, more, changed and text(seq) or '0', news
}
