// The package with a token service and with npm's `ably`, which sign and verify on their own.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';

import * as Ably from 'ably';
import { Capability, inspectJwt, mintJwt, parseKey, signTokenRequest, verifyTokenRequest } from 'ably-capability';

let service;
let url;
let key;

before(async () => {
  service = spawn(process.env.ABLY_AUTH, ['serve', '--sandbox', '--listen', '127.0.0.1:0', '--log-level', 'error'], { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: service.stdout })) {
    url ??= /^listening on (http\S+)/.exec(line)?.[1];
    key ??= /export ABLY_API_KEY=(\S+)/.exec(line)?.[1];
    if (url && key) return service.stdout.resume();
  }
  throw new Error('`ably-auth serve` ended before it listened; start it by hand to see why');
});
after(async () => {
  if (service?.exitCode !== null) return;
  const exited = once(service, 'exit');
  service.kill('SIGKILL');
  await exited;
});

function client(options) {
  const { hostname, port } = new URL(url);
  return new Ably.Rest({ endpoint: hostname, port: +port, tlsPort: +port, tls: false, fallbackHosts: [], logHandler: () => {}, ...options });
}

/** Checks that a client may publish on `chat` only. */
async function publishes(rest) {
  await rest.channels.get('chat').publish('event', 'data');
  await assert.rejects(rest.channels.get('status').publish('event', 'data'), { code: 40160 });
}

test('service exchanges a request that this package signed', async () => {
  const signing = parseKey(key);
  const authCallback = (params, done) => done(null, signTokenRequest({ ...params, clientId: 'bob', capability: { chat: ['publish'] } }, signing));
  const rest = client({ authCallback });
  await publishes(rest);
  const { clientId, capability } = await rest.auth.requestToken();
  assert.deepEqual([clientId, capability], ['bob', '{"chat":["publish"]}']);
});

test('service narrows a capability as intersect does', async () => {
  const asked = Capability.parse({ 'chat:*': ['publish', 'history'], '[queue]orders': ['subscribe'], 'a:*:c': ['*'] });
  const authCallback = (_, done) => done(null, signTokenRequest({ capability: asked }, key));
  const { capability } = await client({ authCallback }).auth.requestToken();
  const ofKey = Capability.parse('{"*":["*"]}');
  assert.equal(capability, ofKey.intersect(asked).toString());
  assert.notEqual(capability, asked.toString());
});

test('service refuses a request that was changed', async () => {
  const authCallback = (_, done) => done(null, { ...signTokenRequest({ clientId: 'bob' }, key), clientId: 'ann' });
  await assert.rejects(client({ authCallback }).auth.requestToken(), { code: 40101 });
});

test('service accepts a JWT as a token', async () => {
  const token = mintJwt({ clientId: 'bob', capability: { chat: ['publish'] } }, key);
  await publishes(client({ token }));
  assert.equal(inspectJwt(token).clientId, 'bob');
});

test('request of the SDK is verified', async () => {
  const request = await client({ key }).auth.createTokenRequest({ clientId: 'J\u00fcrgen', capability: { chat: ['subscribe', 'publish'] }, ttl: 60_000 });
  const { clientId, capability, ttl } = verifyTokenRequest(request, key);
  assert.deepEqual([clientId, `${capability}`, ttl], ['J\u00fcrgen', '{"chat":["publish","subscribe"]}', 60_000]);
});
