-- One round trip, for one request or a batch: checks that no data was lost, does the operation, and returns new
-- records.
--
-- KEYS  1 state (hash: `format`, `generation`, `run`, `numbers`, `spans`, and by the name of each service the sequence
--       number of its last change)
--       2 records (hash by name: `1` if it exists, else `0`; its version; `:` and its value)
--       3 log (names by the sequence number of their last change)  4 expiries (names by expiry)
--       5 nonces (by timestamp)  6 secret
-- ARGV  1 now  2 the sequence number up to which the caller has all records  3 the generation that it has
--       4 a generation to use if the store has none  5 the window  6 the latest time that the caller knows
--       7 the operation  8 the caller's name  9 the sequence number of the caller's last change
--       10 the latest time that the caller received in its generation  11 the run of Redis to which it is connected, if
--       known  12 whether a restart of Redis loses nothing  13... the arguments of the operation
-- All times come from the callers, in milliseconds: the clock of this machine has no effect on decisions.
-- The version of a record is the sequence number under which it was written. It stays the same when the record is
-- written back after a loss.
--
-- A Redis command takes as long as all of the script's own work between two commands. So the data that each call needs
-- is in `state`, and its numbers are in one field. A plain call checks only that the other keys exist, and reads them
-- only if something is wrong.

local DAY, MINUTE, PAGE, MAX_DROPPED, MAX_WRITERS, FORMAT, FIRST = 86400000, 60000, 500, 50, 10000, 3, 13
-- The sequence number grows by this after a loss, so that later changes are newer than all lost ones.
local LEAP = 1000000

local act, outcome = ARGV[7], 'done'
local looks = act == 'look' or act == 'read' or act == 'peek'

-- Checks that Redis accepts writes, without changing anything. A replica learns of revocations late, and a primary that
-- has lost its replicas may no longer be the primary. This check comes first, because Redis checks its memory only
-- before the first write of a script.
local function refusal(...)
  local reply = redis.pcall(...)
  if type(reply) ~= 'table' or not reply.err then return nil end
  for _, code in ipairs({ 'READONLY', 'NOREPLICAS', 'OOM', 'MISCONF' }) do
    if string.find(reply.err, code, 1, true) then return code end
  end
  return 'ERR'
end
local refused, stuck = not looks and refusal('ZADD', KEYS[5], 'XX', 0, ''), false
if act == 'use' and (refused == 'OOM' or refused == 'MISCONF') then
  -- Redis is full. Callers that only catch up still get new records.
  act, outcome, looks = 'look', refused, true
end
if looks then
  refused = refusal('HDEL', KEYS[1], '')
  stuck = refused and refused ~= 'READONLY' and refused ~= 'NOREPLICAS'
  if stuck then refused = nil end
end
if refused then return redis.error_reply(refused .. ' it cannot be written') end

local now, since, known, window = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[5])
local caller, mine, told, run, lasts = ARGV[8], tonumber(ARGV[9]), tonumber(ARGV[10]), ARGV[11], tonumber(ARGV[12])
local state = redis.call('HMGET', KEYS[1], 'format', 'generation', 'run', 'numbers', caller, 'spans')
local generation = state[2]
if state[1] and tonumber(state[1]) ~= FORMAT then
  return redis.error_reply(tonumber(state[1]) > FORMAT and 'FORMAT newer' or 'FORMAT older')
end
-- A starting service has no time yet and creates no data, unless Redis is declared new and has no remnants of data.
if not generation and (act == 'peek' or act == 'found' and redis.call('EXISTS', KEYS[2], KEYS[3], KEYS[5]) > 0) then
  return { 'done', known, 0, 0, 0, 0, 0, 0, {} }
end
-- seq: the sequence number of the last change. latest: the latest time. from: the time from which all nonces and
-- revocations are known. floor: the change up to which deletions are no longer listed. forgotten: the time up to which
-- all nonces are dropped. top: the latest timestamp of a nonce. oldest: a time before which there are few nonces.
-- kept_at: when their expiry in Redis was last set. count: the number of records. newest: the last change of a record.
-- lasted: whether this run of Redis loses nothing.
--
-- After `forgotten`, nonces are dropped in spans of time only: a clock that was ahead for a minute must not block the
-- hours before that minute. `spans` has two flat, sorted lists of first and last timestamps: of dropped nonces, and of
-- used ones. A call unpacks them if it needs them.
local seq, latest, from, floor, forgotten, top, oldest, kept_at, count, newest, lasted = 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, lasts
if generation then
  seq, latest, from, floor, forgotten, top, oldest, kept_at, count, newest, lasted = cmsgpack.unpack(state[4])
end
local dropped, used_spans, spans_changed
local function unpack_spans()
  if dropped then return end
  dropped, used_spans = {}, {}
  if generation and state[6] then dropped, used_spans = cmsgpack.unpack(state[6]) end
end
-- Returns the end of the span that contains the timestamp.
local function end_of(spans, timestamp)
  for i = #spans - 1, 1, -2 do
    if spans[i] <= timestamp then return timestamp <= spans[i + 1] and spans[i + 1] or nil end
  end
end
-- Adds a span. Spans that are at most a window apart are joined: requests with timestamps in between are too old to be
-- exchanged by then. So a day has at most 720 spans, and requests are refused if the clock is more than a day behind.
local function cover(spans, first, last)
  local joined, is_placed = {}, false
  local function append(one, other)
    joined[#joined + 1] = one
    joined[#joined + 1] = other
  end
  for i = 1, #spans, 2 do
    local one, other = spans[i], spans[i + 1]
    if other + window < first then
      append(one, other)
    elseif last + window < one then
      if not is_placed then append(first, last) end
      is_placed = true
      append(one, other)
    else
      first, last = math.min(first, one), math.max(last, other)
    end
  end
  if not is_placed then append(first, last) end
  local latest, old = joined[#joined], 0
  while joined[old + 2] + DAY < latest do old = old + 2 end
  spans_changed = true
  return old > 0 and { unpack(joined, old + 1) } or joined, joined[old]
end
-- Marks the nonces up to a timestamp as dropped.
local function forget(upto)
  unpack_spans()
  for i = 1, #used_spans, 2 do
    if used_spans[i] > upto then break end
    local last, below = math.min(used_spans[i + 1], upto), nil
    if (end_of(dropped, used_spans[i]) or 0) < last then
      dropped, below = cover(dropped, used_spans[i], last)
      forgotten = math.max(forgotten, below or 0)
    end
  end
end
local function cut(spans, upto)
  local kept = {}
  for i = 1, #spans, 2 do
    if spans[i] <= upto then
      kept[#kept + 1] = spans[i]
      kept[#kept + 1] = math.min(spans[i + 1], upto)
    end
  end
  return kept
end
local function text(number) return string.format('%.0f', number) end

-- Use the caller's latest time if that is later.
local clock = now
now = math.max(now, tonumber(ARGV[6]))
local before = latest
if act == 'time' then
  -- A clock was wrong. Nonces and revocations may have been dropped because of it, so they count as unknown.
  latest, from = now, now + window
  forgotten, top = math.min(forgotten, from), math.min(top, from)
  redis.call('ZREMRANGEBYSCORE', KEYS[5], '(' .. text(from), '+inf')
  unpack_spans()
  dropped, used_spans, spans_changed = cut(dropped, from), cut(used_spans, from), true
end
local ahead = now > latest
if ahead then latest = now end

-- Checks which keys exist. A key that is named four times counts as four.
local there = redis.call('EXISTS', KEYS[2], KEYS[3], KEYS[6], KEYS[5], KEYS[5], KEYS[5], KEYS[5])
local has_nonces = there >= 4

-- Checks whether nonces or revocations may have been lost. A starting service does not check this, because the result
-- depends on the time.
local lost, changed, renewed = not generation, false, not generation
if generation and now > 0 then
  -- The data is older than what the caller has seen, or lacks one of its changes or some of the keys.
  lost = generation == known
    and (seq < since or mine > 0 and tonumber(state[5] or 0) < mine or there % 4 ~= (count > 0 and 3 or 1))
  local restarted = run ~= '' and run ~= state[3]
  if restarted or generation ~= known or act == 'write' then
    -- Some records are missing.
    lost = lost or redis.call('HLEN', KEYS[2]) ~= count or redis.call('ZCARD', KEYS[3]) ~= count
  end
  if restarted then
    -- Redis was restarted, or replaced by another one that may have less data.
    lost = lost or state[3] ~= '' and lasts * lasted == 0
    lasted, renewed = lasts, true
  elseif lasts < lasted then
    lasted, renewed = lasts, true
  end
end
if lost then
  local last = redis.call('ZREVRANGE', KEYS[3], 0, 0, 'WITHSCORES')
  seq = math.max(seq, since, mine, tonumber(last[2] or 0)) + LEAP
  generation, changed, renewed = ARGV[4], true, true
  if act ~= 'found' then from = math.max(from, latest + window) end
  if redis.call('HLEN', KEYS[2]) ~= redis.call('ZCARD', KEYS[3]) then
    for _, name in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
      if redis.call('HEXISTS', KEYS[2], name) == 0 then
        redis.call('ZREM', KEYS[3], name)
        redis.call('ZREM', KEYS[4], name)
      end
    end
    for _, name in ipairs(redis.call('HKEYS', KEYS[2])) do
      seq = seq + 1
      redis.call('ZADD', KEYS[3], 'NX', seq, name)
    end
  end
  newest = seq
end
if top > forgotten and not has_nonces then
  -- The nonces expired, or were lost. A service whose clock steps back may send one of them again.
  forget(top)
  -- Another version has used them and recorded no span.
  if not end_of(dropped, top) then forgotten = math.max(forgotten, top) end
  top, changed = 0, true
end
if generation ~= known then
  if since >= seq then
    -- The caller has a higher sequence number and must not mistake this data for its own.
    seq, changed = since + 1, true
  end
  if known ~= '' and told + window > from then
    -- Lost nonces of the caller had at most this timestamp.
    from, changed = told + window, true
  end
end

-- Returns whether the record exists, its version, and its value.
local function parts(stored)
  local colon = string.find(stored, ':', 1, true)
  return string.sub(stored, 1, 1), string.sub(stored, 2, colon - 1), string.sub(stored, colon + 1)
end

-- Write the time alone once per minute: a service that only reads tokens has already refused expired tokens by it.
changed = changed or renewed or act == 'time' or latest - before >= MINUTE and not stuck
if act == 'found' then
  if lost then outcome = 'new' end
elseif act == 'use' then
  -- Use the clock's own time: a clock that was set back accepts requests of its own time, whose nonces must not be
  -- dropped at once.
  local over = clock - window
  if oldest < over then
    -- Drop more nonces than are added, but never all of them, since that would delete the key.
    local many = MAX_DROPPED + #ARGV
    local next_one = redis.call('ZRANGE', KEYS[5], many, many, 'WITHSCORES')
    if next_one[2] then
      oldest = tonumber(next_one[2])
      if oldest < over then
        redis.call('ZREMRANGEBYRANK', KEYS[5], 0, many - 1)
        forget(oldest)
        changed = true
      end
    end
  end
  unpack_spans()
  -- Each nonce has its timestamp before it. The outcome has a letter for each, and after an `f` the end of the dropped
  -- span.
  local outcomes, used = {}, 0
  for i = FIRST, #ARGV, 2 do
    local timestamp, letter = tonumber(ARGV[i]), 'd'
    local until_when = timestamp <= forgotten and forgotten or end_of(dropped, timestamp)
    if timestamp <= from then letter = 'u'
    elseif until_when then letter = 'f' .. text(until_when)
    elseif redis.call('ZADD', KEYS[5], 'NX', ARGV[i], ARGV[i + 1]) == 0 then letter = 'a'
    else
      used = used + 1
      if timestamp > top then top = timestamp end
      if timestamp < oldest then oldest = timestamp end
      if not end_of(used_spans, timestamp) then
        -- Extend the span to the end of the minute, so that it is written only once per minute.
        used_spans = cover(used_spans, timestamp, math.ceil(timestamp / MINUTE) * MINUTE)
      end
    end
    outcomes[#outcomes + 1] = letter
  end
  outcome = table.concat(outcomes)
  if used > 0 then
    seq = seq + used
    if not has_nonces or math.abs(clock - kept_at) >= MINUTE then
      -- Redis drops them by itself if no service runs.
      redis.call('PEXPIRE', KEYS[5], 30 * window)
      kept_at = clock
    end
  end
  changed = changed or ahead or used > 0
elseif act == 'write' or act == 'restore' then
  local function put(name, there, value, expires, version)
    seq = seq + 1
    newest = seq
    redis.call('ZADD', KEYS[3], seq, name)
    redis.call('HSET', KEYS[2], name, there .. (version or text(seq)) .. ':' .. value)
    -- Deletions are kept until all services must have read them.
    if there == '0' then expires = text(latest + DAY) end
    if expires ~= '' then redis.call('ZADD', KEYS[4], expires, name) else redis.call('ZREM', KEYS[4], name) end
  end
  if act == 'write' then
    local seen = tonumber(ARGV[FIRST])
    for i = FIRST + 1, #ARGV, 4 do
      local version = redis.call('ZSCORE', KEYS[3], ARGV[i])
      if version and tonumber(version) > seen then outcome = 'outdated' end
    end
    if generation ~= known then outcome = 'outdated' end
    if outcome == 'done' then
      for i = FIRST + 1, #ARGV, 4 do put(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]) end
      -- Drop at least twice as many records as are written, so that expired ones do not accumulate.
      local most = math.max(MAX_DROPPED, (#ARGV - FIRST) / 2)
      local over = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', latest, 'LIMIT', 0, most)
      for _, name in ipairs(over) do
        -- A caller that has not read the deletion must resync.
        floor = math.max(floor, tonumber(redis.call('ZSCORE', KEYS[3], name) or 0))
        redis.call('ZREM', KEYS[3], name)
        redis.call('ZREM', KEYS[4], name)
        redis.call('HDEL', KEYS[2], name)
      end
      changed = true
    end
  else
    for i = FIRST, #ARGV, 5 do
      local stored = redis.call('HGET', KEYS[2], ARGV[i])
      local version = stored and select(2, parts(stored))
      if not version or tonumber(version) < tonumber(ARGV[i + 4]) then
        put(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4])
      end
    end
    changed = true
  end
end
if changed then
  if renewed then
    redis.call('HSET', KEYS[1], 'format', FORMAT, 'generation', generation, 'run', run ~= '' and run or state[3] or '')
  end
  if lost or act == 'write' or act == 'restore' then count = redis.call('ZCARD', KEYS[3]) end
  local numbers = cmsgpack.pack(
    seq, latest, from, floor, forgotten, top, oldest, kept_at, count, newest, lasted)
  if spans_changed then redis.call('HSET', KEYS[1], 'spans', cmsgpack.pack(dropped, used_spans)) end
  if redis.call('HSET', KEYS[1], 'numbers', numbers, caller, seq) > 0 and redis.call('HLEN', KEYS[1]) > MAX_WRITERS then
    -- Remove the half of the services that has made no change for the longest time. Redis serves nobody else meanwhile, so
    -- only numbers are sorted: a comparison by a function takes several times as long.
    local all, last, sorted = redis.call('HGETALL', KEYS[1]), {}, {}
    for i = 1, #all, 2 do
      if #all[i] == #caller then
        local change = tonumber(all[i + 1])
        last[all[i]], sorted[#sorted + 1] = change, change
      end
    end
    table.sort(sorted)
    local half, old = math.floor(#sorted / 2), {}
    for name, change in pairs(last) do
      if change <= sorted[half] and #old < half and name ~= caller then old[#old + 1] = name end
    end
    for i = 1, #old, 1000 do redis.call('HDEL', KEYS[1], unpack(old, i, math.min(i + 999, #old))) end
  end
end

-- A caller that reads everything, page by page, gets the existing records. Records that are dropped meanwhile expired
-- long ago.
local reset = generation ~= known or act ~= 'read' and since > 0 and since < floor
local news, upto, more = {}, seq, 0
if not reset and newest > since then
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
return { outcome, generation, upto, latest, from, reset and 1 or 0, more, changed and seq or 0, news }
