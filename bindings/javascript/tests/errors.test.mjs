// Errors: the code, the place and the text; no input stops the module.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { AblyAuthError, Capability, inspectJwt, mintJwt, parseKey, signTokenRequest, verifyJwt, verifyTokenRequest } from 'ably-capability';
import fc from 'fast-check';

import { KEY } from './files.mjs';

const KNOWN = [40000, 40003, 40005, 40012, 40101, 40142, 40144];

test('error says what is invalid, where, and what to do', () => {
  assert.throws(() => Capability.parse('{"chat":["pubish"]}'), (error) => {
    assert.ok(error instanceof AblyAuthError && error instanceof Error);
    assert.deepEqual({ ...error }, { code: 40000, statusCode: 400, href: 'https://help.ably.io/error/40000', place: 10, resource: 'chat' });
    assert.match(error.message, /^unknown operation `pubish` in resource `chat` \(byte 10\); /);
    assert.match(error.stack, /^AblyAuthError: unknown operation/);
    return true;
  });
});

test('place counts the bytes of UTF-8', () => {
  assert.throws(() => Capability.parse('{"é🚀":["pubish"]}'), { place: 12, resource: 'é🚀' });
});

test('arguments of a wrong type are refused', () => {
  const capability = Capability.parse({ chat: ['publish'] });
  const cyclic = {};
  cyclic.self = cyclic;
  const wrong = {
    'invalid operation: not a string; give a string': () => capability.permits(undefined, 'chat'),
    'invalid channel: not a string; give a string': () => capability.explain('publish', 1),
    'invalid capability: not an object; give an object, or its JSON as a string': () => capability.covers(null),
    'invalid capability: it cannot be written as JSON; remove cycles and BigInts': () => Capability.parse({ chat: cyclic }),
    'invalid ttl: not a whole number of milliseconds; give a number such as 3600000': () => signTokenRequest({ ttl: '1h' }, KEY),
    'invalid params: unknown field; the fields are: capability, clientId, nonce, timestamp, ttl': () => signTokenRequest({ clientID: 'bob' }, KEY),
    'invalid publish limit: not a whole number; give the messages a second': () => mintJwt({ publishLimits: { chat: 0.5 } }, KEY),
    'invalid claim: it cannot be written as JSON; give a value that JSON has': () => mintJwt({ claims: { sub: undefined } }, KEY),
    'invalid timestamp: not a whole number of milliseconds; give a number such as 3600000': () => mintJwt({ timestamp: NaN }, KEY),
    'invalid now: not a whole number of milliseconds; give a number such as 3600000': () => verifyJwt('x', KEY, { now: new Date() }),
    'invalid key: not a string; give a string': () => mintJwt({}, undefined),
  };
  for (const [message, work] of Object.entries(wrong)) assert.throws(work, { name: 'AblyAuthError', code: 40003, message });
});

test('values out of range are refused', () => {
  for (const ttl of [0, 86_400_001]) assert.throws(() => signTokenRequest({ ttl }, KEY), { code: 40003 });
  assert.throws(() => signTokenRequest({ clientId: '' }, KEY), { code: 40012 });
  assert.throws(() => signTokenRequest({ nonce: 'short' }, KEY), { code: 40000 });
  assert.throws(() => mintJwt({ claims: { exp: 1 } }, KEY), { code: 40144 });
  assert.throws(() => mintJwt({ channelClaims: { '': 'x' } }, KEY), { code: 40144 });
});

test('work and size of untrusted capabilities are limited', () => {
  const made = (name) => Object.fromEntries(Array.from({ length: 2000 }, (_, nth) => [name(nth), ['publish']]));
  const [one, other] = [Capability.parse(made((nth) => `a${nth}:*`)), Capability.parse(made((nth) => `*:b${nth}`))];
  assert.throws(() => one.intersect(other), { code: 40000, message: /too much work/ });
  assert.throws(() => Capability.parse('['.repeat(5_000_000)), { code: 40003, message: /longer than 4 MiB/ });
  assert.throws(() => verifyTokenRequest('['.repeat(100_000), KEY), AblyAuthError);
  assert.equal(one.permits('publish', 'a7:x'), true, 'the module still works');
});

const any = fc.oneof(fc.string({ unit: 'binary' }), fc.anything({ withBigInt: true, withNullPrototype: true }), fc.json());

test('any argument gives a result or an AblyAuthError', () => {
  const capability = Capability.parse({ 'chat:*': ['publish'] });
  const functions = [
    (one) => Capability.parse(one, { lenient: true }),
    (one, other) => capability.permits(one, other),
    (one, other) => capability.explain(one, other),
    (one) => capability.intersect(one),
    (one) => parseKey(one),
    (one) => signTokenRequest(one, KEY),
    (one, other) => signTokenRequest({ clientId: one, capability: other }, KEY),
    (one) => verifyTokenRequest(one, KEY),
    (one, other) => verifyTokenRequest({ ...signTokenRequest({}, KEY), capability: one, clientId: other }, KEY),
    (one, other) => mintJwt({ claims: { one, other } }, KEY),
    (one, other) => mintJwt({ channelClaims: one, claims: other }, KEY),
    (one) => verifyJwt(one, KEY),
    (one) => inspectJwt(one),
  ];
  const property = fc.property(fc.constantFrom(...functions), any, any, (work, one, other) => {
    try {
      work(one, other);
    } catch (error) {
      assert.ok(error instanceof AblyAuthError, error);
      assert.ok(KNOWN.includes(error.code), `${error.code} ${error.message}`);
    }
  });
  fc.assert(property, { numRuns: 3000 });
});

test('changed token never verifies', () => {
  const token = mintJwt({ clientId: 'bob', capability: { chat: ['publish'] } }, KEY);
  const property = fc.property(fc.nat(token.length - 1), fc.constantFrom(...'AZaz09-_.= '), (at, character) => {
    fc.pre(token[at] !== character);
    assert.throws(() => verifyJwt(token.slice(0, at) + character + token.slice(at + 1), KEY), { code: 40144 });
  });
  fc.assert(property, { numRuns: 500 });
});
