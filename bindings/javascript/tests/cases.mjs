// Plays the cases of `tests/vectors` with the package. It uses nothing of Node, so that every runtime can play them.

function same(got, wanted) {
  if (typeof got !== 'object' || got === null || typeof wanted !== 'object' || wanted === null) return Object.is(got, wanted);
  const [one, other] = [Object.keys(got), Object.keys(wanted)];
  return one.length === other.length && other.every((name) => same(got[name], wanted[name]));
}

/** Returns the error that `work` throws, as a case has it. */
function refusal(work) {
  try {
    work();
    return { code: 'accepted' };
  } catch ({ constructor, code, place, resource, message }) {
    return { type: constructor.name, code, place, resource, message };
  }
}

const refused = ({ code, place, resource, message }) => ({ type: 'AblyAuthError', code, place, resource, message });

/** Returns the lists of `capabilities.json` and `credentials.json`, each with a function that returns the got and the wanted. */
export function plays({ Capability, inspectJwt, mintJwt, parseKey, signTokenRequest, verifyJwt, verifyTokenRequest }) {
  const text = (value) => Capability.parse(value).toString();
  return {
    canonical: (is) => [[text(is.text), text(JSON.parse(is.text)), text(Capability.parse(is.text).toJSON())], Array(3).fill(is.canonical)],
    lenient: (is) => [[Capability.parse(is.text, { lenient: true }).toString(), refusal(() => text(is.text)).code], [is.canonical, 40000]],
    errors: (is) => [refusal(() => text(is.text)), refused(is)],
    permits: (is) => [Capability.parse(is.capability).permits(is.operation, is.channel), is.permitted],
    explanations: ({ capability, ...is }) => [Capability.parse(capability).explain(is.operation, is.channel), is],
    pairs: ({ a, b, ...is }) => {
      const [one, other] = [Capability.parse(a), Capability.parse(b)];
      const got = {
        aCoversB: one.covers(other),
        bCoversA: other.covers(a),
        equivalent: one.equivalent(JSON.parse(b)),
        union: one.union(other).toString(),
        intersection: one.intersect(other).toString(),
        minimal: other.intersect(a).minimal().toString(),
      };
      return [got, is];
    },
    minimal: (is) => [Capability.parse(is.capability).minimal().toString(), is.minimal],
    keys: ({ text, ...is }) => [{ ...parseKey(text) }, is],
    refusedKeys: (is) => [refusal(() => parseKey(is.text)), refused(is)],
    tokenRequests: ({ key, params, request }) => {
      const verified = verifyTokenRequest(request, parseKey(key));
      const values = { ...verified, mac: request.mac, ...(verified.capability && { capability: verified.capability.toString() }) };
      return [[signTokenRequest(params, key), values], [request, request]];
    },
    // The advice for missing fields is this package's own.
    refusedTokenRequests: (is) => [refusal(() => verifyTokenRequest(is.request, is.key)).code, is.code],
    jwts: ({ key, claims, jwt, now }) => {
      const verified = verifyJwt(jwt, key, { now });
      const inspected = inspectJwt(jwt);
      const wanted = {
        channelClaims: {},
        publishLimits: {},
        claims: {},
        ...claims,
        ...(claims.capability && { capability: text(claims.capability) }),
        ...(claims.notBefore && { notBefore: Math.ceil(claims.notBefore / 1000) * 1000 }),
        keyName: key.split(':')[0],
        issued: Math.floor(claims.timestamp / 1000) * 1000,
        expires: inspected.expires,
      };
      delete wanted.timestamp;
      delete wanted.ttl;
      const got = { ...verified, ...(verified.capability && { capability: verified.capability.toString() }) };
      return [[mintJwt(claims, key), got, inspected], [jwt, wanted, wanted]];
    },
    refusedJwts: (is) => [{ ...refusal(() => verifyJwt(is.jwt, is.key, { now: is.now })), place: undefined }, refused(is)],
  };
}

/** Plays all cases, and returns the number of the cases and the failures. */
export function playAll(api, ...files) {
  const played = plays(api);
  const failures = [];
  let count = 0;
  for (const file of files) {
    for (const [list, cases] of Object.entries(file)) {
      if (list === 'about') continue;
      for (const is of cases) {
        count += 1;
        const failed = failure(played[list], is);
        if (failed) failures.push(`${list}: ${failed}`);
      }
    }
  }
  return { count, failures };
}

/** Returns a text if the case fails. */
export function failure(play, is) {
  try {
    const [got, wanted] = play(is);
    return same(got, wanted) ? undefined : `${JSON.stringify(got)} is not ${JSON.stringify(wanted)}`;
  } catch (error) {
    return `${JSON.stringify(is)}: ${error}`;
  }
}
