// Token requests and JWTs, compared with `node:crypto`, and what stays secret.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { inspect } from 'node:util';

import { AblyAuthError, Capability, Key, inspectJwt, mintJwt, parseKey, signTokenRequest, verifyJwt, verifyTokenRequest } from 'ably-capability';

import { KEY, SECRET } from './files.mjs';

const NAME = KEY.split(':')[0];
const mac = (request, secret = SECRET) => {
  const { keyName, ttl = '', capability = '', clientId = '', timestamp, nonce } = request;
  return createHmac('sha256', secret).update(`${keyName}\n${ttl}\n${capability}\n${clientId}\n${timestamp}\n${nonce}\n`).digest('base64');
};

test('request without timestamp and nonce gets the time and a random nonce', () => {
  const before = Date.now();
  const [one, other] = [signTokenRequest({}, KEY), signTokenRequest(undefined, KEY)];
  assert.deepEqual(Object.keys(one), ['keyName', 'timestamp', 'nonce', 'mac']);
  assert.ok(one.timestamp >= before && one.timestamp <= Date.now());
  assert.match(one.nonce, /^[0-9a-f]{32}$/);
  assert.notEqual(one.nonce, other.nonce);
  assert.equal(one.mac, mac(one));
});

test('capability may be an object, a text or parsed, and is signed in its canonical form', () => {
  const object = { b: ['subscribe', 'publish'], a: ['*'] };
  for (const capability of [object, JSON.stringify(object), Capability.parse(object)]) {
    const request = signTokenRequest({ capability, ttl: 60_000, clientId: 'Jürgen' }, parseKey(KEY));
    assert.equal(request.capability, '{"a":["*"],"b":["publish","subscribe"]}');
    assert.equal(request.mac, mac(request));
    const verified = verifyTokenRequest(request, KEY);
    assert.ok(verified.capability instanceof Capability && verified.capability.permits('publish', 'b'));
  }
});

test('requests that SDKs signed are verified, as objects and as text', () => {
  const { cases } = JSON.parse(readFileSync(`${process.env.VECTORS}/token-requests.json`, 'utf8'));
  assert.ok(cases.length > 50);
  for (const { id, key, tokenRequest } of cases) {
    for (const request of [tokenRequest, JSON.stringify(tokenRequest)]) assert.equal(verifyTokenRequest(request, key).keyName, key.split(':')[0], id);
    assert.throws(() => verifyTokenRequest({ ...tokenRequest, nonce: `${tokenRequest.nonce}0` }, key), { code: 40101 }, id);
  }
});

test('mac over an equivalent text is accepted', () => {
  const signed = { keyName: NAME, timestamp: 1, nonce: '0123456789abcdef', capability: '{"a":["publish"]}' };
  assert.equal(verifyTokenRequest({ ...signed, capability: '{ "a": ["publish"] }', mac: mac(signed) }, KEY).capability.toString(), signed.capability);
  assert.equal(verifyTokenRequest({ ...signed, mac: mac({ ...signed, ttl: 3_600_000 }) }, KEY).ttl, undefined);
  assert.throws(() => verifyTokenRequest({ ...signed, ttl: 3_600_000, mac: mac(signed) }, KEY), { code: 40101 });
  assert.equal(verifyTokenRequest({ ...signed, ttl: '60000', timestamp: '1', clientId: '', mac: mac({ ...signed, ttl: 60_000 }) }, KEY).ttl, 60_000);
});

test('JWTs of other libraries are verified', () => {
  const { foreign } = JSON.parse(readFileSync(`${process.env.VECTORS}/jwt.json`, 'utf8'));
  assert.ok(foreign.length > 10);
  for (const { id, key, claims, jwt } of foreign) {
    const now = (claims.nbf ?? claims.iat) * 1000;
    if (claims['x-ably-token']) {
      assert.throws(() => verifyJwt(jwt, key, { now }), { code: 40144, message: /embedded token/ }, id);
      continue;
    }
    const verified = verifyJwt(jwt, key, { now });
    assert.deepEqual([verified.issued, verified.expires, verified.clientId], [claims.iat * 1000, claims.exp * 1000, claims['x-ably-clientId']], id);
  }
});

test('JWT is signed with the secret and valid now', () => {
  const token = mintJwt({ clientId: 'bob', ttl: 60_000 }, KEY);
  const [header, payload, signature] = token.split('.');
  assert.equal(signature, createHmac('sha256', SECRET).update(`${header}.${payload}`).digest('base64url'));
  assert.equal(verifyJwt(token, KEY).clientId, 'bob');
  const { expires } = inspectJwt(token);
  assert.throws(() => verifyJwt(token, KEY, { now: expires }), { code: 40142 });
  assert.equal(verifyJwt(token, KEY, { now: expires, leeway: 1 }).clientId, 'bob');
  assert.throws(() => verifyJwt(token, `${NAME}:another`), { code: 40144 });
  assert.throws(() => verifyJwt(token, `other.key:${SECRET}`), { code: 40144, message: /names another key/ });
});

test('JWT with an embedded token is refused, and shown by an inspection', () => {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const iat = Math.trunc(Date.now() / 1000);
  const claims = { iat, exp: iat + 60, 'x-ably-clientId': 'bob', 'x-ably-token': 'appid.token' };
  const text = `${part({ typ: 'JWT', alg: 'HS256', kid: NAME })}.${part(claims)}`;
  const token = `${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}`;
  assert.throws(() => verifyJwt(token, KEY), { code: 40144, message: /embedded token, whose rights count instead/ });
  assert.equal(inspectJwt(token).embeddedToken, 'appid.token');
});

test('claims with names of the prototype are ordinary claims', () => {
  const claims = JSON.parse('{"__proto__":{"admin":true},"constructor":1}');
  const verified = verifyJwt(mintJwt({ claims }, KEY), KEY);
  assert.deepEqual(Object.entries(verified.claims), Object.entries(claims));
  assert.equal(verified.claims.admin, undefined);
  assert.deepEqual(Object.keys(Capability.parse('{"__proto__":["publish"]}').toJSON()), ['__proto__']);
});

test('secret is in no output of a key, an error or a stack', () => {
  const key = parseKey(KEY);
  const outputs = [`${key}`, inspect(key, { showHidden: true, depth: 9 }), JSON.stringify(key), JSON.stringify({ ...key }), inspect(Capability.parse({ a: ['*'] }))];
  assert.deepEqual([outputs[0], outputs[1]], [`${NAME}:[redacted]`, `Key ${NAME}:[redacted]`]);
  const wrong = [
    () => parseKey(` ${KEY}`),
    () => parseKey(`${KEY}:x`),
    () => parseKey([KEY]),
    () => signTokenRequest({ [KEY]: 1 }, KEY),
    () => signTokenRequest({ clientId: { KEY } }, KEY),
    () => verifyTokenRequest(KEY, KEY),
    () => verifyTokenRequest({ keyName: KEY }, KEY),
    () => verifyTokenRequest({ ...signTokenRequest({}, KEY), mac: SECRET }, KEY),
    () => verifyJwt(KEY, KEY),
    () => verifyJwt(`${mintJwt({}, KEY)}x`, KEY),
  ];
  for (const work of wrong) {
    assert.throws(work, (error) => {
      outputs.push(String(error), inspect(error, { showHidden: true }), JSON.stringify(error));
      return error instanceof AblyAuthError;
    });
  }
  for (const output of outputs) assert.ok(!output.includes(SECRET) && !output.includes(SECRET.slice(8)), output);
});

test('classes cannot be forged', () => {
  for (const wrong of [() => new Key(KEY), () => new Capability('{}')]) assert.throws(wrong, AblyAuthError);
  const key = parseKey(KEY);
  assert.throws(() => { key.keyName = 'other.key'; }, TypeError);
  assert.throws(() => signTokenRequest({}, Object.create(Key.prototype)), AblyAuthError);
  assert.throws(() => Capability.parse({}).covers(Object.create(Capability.prototype)), AblyAuthError);
});
