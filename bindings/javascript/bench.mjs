// Compares the package with what a program would do by hand, and prints ratios. Each number is the best of several rounds.

import { createHmac, randomBytes } from 'node:crypto';

import { Capability, mintJwt, parseKey, signTokenRequest, verifyJwt } from 'ably-capability';

const ROUNDS = 7;
const ROUND_MS = 60;

/** Returns the nanoseconds of one call in the fastest round. */
function measure(work) {
  let calls = 1;
  let best = Infinity;
  for (let round = 0; round < ROUNDS + 2; round += 1) {
    const start = performance.now();
    for (let call = 0; call < calls; call += 1) work(call);
    const took = performance.now() - start;
    // The first rounds find the number of calls and let the compiler work.
    if (round < 2) calls = Math.max(1, Math.ceil((calls * ROUND_MS) / Math.max(took, 0.01)));
    else best = Math.min(best, (took * 1e6) / calls);
  }
  return best;
}

// As most programs do it: JSON.parse and a loop. It knows channels with a `*` in the last segment, and nothing else.
function permitsByHand(object, operation, channel) {
  for (const [resource, operations] of Object.entries(object)) {
    const matches = resource === '*' || resource === channel || (resource.endsWith(':*') && channel.startsWith(resource.slice(0, -1)));
    if (matches && (operations.includes('*') || operations.includes(operation))) return true;
  }
  return false;
}

function intersectByHand(one, other) {
  const common = {};
  for (const [resource, operations] of Object.entries(other)) {
    const kept = operations.filter((operation) => permitsByHand(one, operation, resource));
    if (kept.length > 0) common[resource] = kept;
  }
  return common;
}

const [keyName, secret] = ['app.key', 'EVKVTCBlzLBPYJiCZTsIW_pqylJ9WVRB5K9P19Ap1y0'];
const key = parseKey(`${keyName}:${secret}`);

function signByHand({ ttl, capability, clientId }) {
  const request = { keyName, ttl, capability, clientId, timestamp: Date.now(), nonce: randomBytes(16).toString('hex') };
  const text = `${keyName}\n${ttl}\n${capability}\n${clientId}\n${request.timestamp}\n${request.nonce}\n`;
  return { ...request, mac: createHmac('sha256', secret).update(text).digest('base64') };
}

const base64url = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

function mintByHand({ ttl, capability, clientId }) {
  const iat = Math.floor(Date.now() / 1000);
  const payload = { iat, exp: iat + ttl / 1000, 'x-ably-capability': capability, 'x-ably-clientId': clientId };
  const text = `${base64url({ typ: 'JWT', alg: 'HS256', kid: keyName })}.${base64url(payload)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

const TEXT = '{"chat:*":["publish","subscribe"],"inbox:bob":["subscribe"],"status":["subscribe"]}';
const LARGE = JSON.stringify(Object.fromEntries(Array.from({ length: 300 }, (_, nth) => [`room:${nth}:*`, ['publish', 'subscribe']])));
const ASKED = { 'chat:room1': ['publish', 'history'], status: ['subscribe', 'history'], secret: ['publish'] };
const params = { clientId: 'bob', capability: TEXT, ttl: 3_600_000 };
const [small, large] = [Capability.parse(TEXT), Capability.parse(LARGE)];
const [smallObject, largeObject] = [JSON.parse(TEXT), JSON.parse(LARGE)];
const parsedParams = { ...params, capability: small };
const token = mintJwt(params, key);

const COMPARED = [
  ['parse and check, 3 resources', () => Capability.parse(TEXT).permits('publish', 'chat:room1'), () => permitsByHand(JSON.parse(TEXT), 'publish', 'chat:room1')],
  ['check, 3 resources', () => small.permits('subscribe', 'status'), () => permitsByHand(smallObject, 'subscribe', 'status')],
  ['check, 300 resources', () => large.permits('publish', 'room:299:a'), () => permitsByHand(largeObject, 'publish', 'room:299:a')],
  ['intersect with an object', () => small.intersect(ASKED), () => intersectByHand(smallObject, ASKED)],
  ['sign a token request', () => signTokenRequest(parsedParams, key), () => signByHand(params)],
  ['mint a JWT', () => mintJwt(parsedParams, key), () => mintByHand(params)],
  ['verify a JWT', () => verifyJwt(token, key), null],
];

console.log('| | package | by hand | ratio |\n| --- | --- | --- | --- |');
for (const [name, ours, byHand] of COMPARED) {
  const [own, other] = [measure(ours), byHand && measure(byHand)];
  const shown = (nanoseconds) => `${(nanoseconds / 1000).toFixed(2)} µs`;
  console.log(`| ${name} | ${shown(own)} | ${other ? shown(other) : '-'} | ${other ? (own / other).toFixed(2) : '-'} |`);
}
