// Sandboxes for tests in JavaScript, with the packed npm packages installed.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import * as Ably from 'ably';
import { Sandbox, SandboxError, programPath, startSandbox } from 'ably-auth';

const HELLO = ['greeting', 'hello'];

/** Starts node with a script, and waits for its first line. */
async function script(source, env = {}) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
  return { child, line: line.trim() };
}

/** Waits until nothing listens on the port. */
async function closed(port) {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const [error] = await Promise.race([once(socket, 'connect'), once(socket, 'error').catch((error) => [error])]).catch((error) => [error]);
    socket.destroy();
    if (error?.code === 'ECONNREFUSED') return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('a running sandbox', () => {
  let sandbox;
  let channel;
  before(async () => (sandbox = await startSandbox()));
  beforeEach(async () => {
    await sandbox.reset();
    channel = new Ably.Rest(sandbox.clientOptions).channels.get('chat');
  });
  after(() => sandbox.stop());

  test('has an address, a key and a console', async () => {
    assert.ok(sandbox instanceof Sandbox);
    const { url, endpoint, port, tls, key } = sandbox;
    assert.deepEqual({ url, endpoint, tls }, { url: `http://127.0.0.1:${port}`, endpoint: '127.0.0.1', tls: false });
    assert.match(key, /^[\w-]+\.[\w-]+:[\w-]+$/);
    assert.match(await (await fetch(sandbox.console)).text(), /<title>/);
  });

  test('forgets messages at a reset', async () => {
    await channel.publish(...HELLO);
    assert.equal((await channel.history()).items.length, 1);
    await sandbox.reset();
    const again = new Ably.Rest(sandbox.clientOptions).channels.get('chat');
    assert.equal((await again.history()).items.length, 0);
  });

  test('moves its clock, and returns it at a reset', async () => {
    const now = await sandbox.advanceClock(3_600_000);
    assert.ok(now - Date.now() > 3_590_000);
    await sandbox.reset();
    assert.ok((await sandbox.advanceClock(0)) - Date.now() < 3_590_000);
  });

  test('fails as often as asked, with the code asked for', async () => {
    await channel.publish(...HELLO);
    await sandbox.failNext(1, { code: 40300 });
    await assert.rejects(channel.publish(...HELLO), { code: 40300, statusCode: 403 });
    await channel.publish(...HELLO);
    await sandbox.failNext(9, { code: 40300, status: 418 });
    await sandbox.clearFaults();
    await channel.publish(...HELLO);
  });

  test('delays and drops', async () => {
    const time = () => fetch(`${sandbox.url}/time`);
    await sandbox.dropNext(1);
    await assert.rejects(time());
    await sandbox.delayNext(1, 200);
    const start = performance.now();
    await time();
    assert.ok(performance.now() - start >= 190);
  });

  test('issues a token', async () => {
    const token = await sandbox.issueToken({ capability: { 'chat:*': ['history'] }, clientId: 'bob', ttl: 60_000 });
    const client = new Ably.Rest({ ...sandbox.clientOptions, key: undefined, token });
    await client.channels.get('chat:1').history();
    await assert.rejects(client.channels.get('chat:1').publish(...HELLO), { code: 40160 });
  });

  test('forgets its log at a reset', async () => {
    await fetch(`${sandbox.url}/time`);
    assert.notDeepEqual(await sandbox.log(), []);
    await sandbox.reset();
    assert.deepEqual(await sandbox.log(), []);
  });

  test('explains a wrong secret', async () => {
    const wrong = new Ably.Rest({ ...sandbox.clientOptions, key: `${sandbox.key}x` });
    await assert.rejects(wrong.auth.requestToken(), { code: 40101 });
    const row = (await sandbox.log({ outcome: 'refused' })).at(-1);
    const story = await sandbox.explain(row);
    assert.equal(story.row.code, 40101);
    assert.equal(story.checks.find((check) => check.result === 'failed').id, 'mac');
  });

  test('refuses an action that it does not know how to do', async () => {
    for (const action of [
      () => sandbox.failNext(0, { code: 40300 }),
      () => sandbox.failNext(1),
      () => sandbox.delayNext(1, -1),
      () => sandbox.dropNext(1.5),
      () => sandbox.advanceClock('1h'),
      () => sandbox.explain(undefined),
    ]) {
      await assert.rejects(action(), { name: 'SandboxError', message: /; give / });
    }
    assert.deepEqual(await sandbox.log({ outcome: undefined, limit: 1 }), await sandbox.log({ limit: 1 }));
    await assert.rejects(sandbox.failNext(1, { code: 1 }), { name: 'SandboxError', message: /faults: .*code/ });
    await assert.rejects(sandbox.log({ outcome: 'happy' }), { name: 'SandboxError', message: /outcome/ });
  });
});

test('two sandboxes share nothing', async () => {
  const [one, other] = await Promise.all([startSandbox(), startSandbox()]);
  assert.notEqual(one.port, other.port);
  assert.notEqual(one.key, other.key);
  await assert.rejects(new Ably.Rest({ ...one.clientOptions, key: other.key }).auth.requestToken());
  await Promise.all([one.stop(), other.stop()]);
});

test('apps are given as an object or as a file', async () => {
  const app = { appId: 'shop', keys: [{ id: 'backend', secret: 'an-example-not-a-secret' }] };
  const key = 'shop.backend:an-example-not-a-secret';
  writeFileSync('apps.json', JSON.stringify([app]), { mode: 0o600 });
  for (const apps of [app, [app], 'apps.json']) {
    const sandbox = await startSandbox({ apps });
    assert.equal(sandbox.key, undefined);
    const details = await new Ably.Rest({ ...sandbox.clientOptions, key }).auth.requestToken();
    assert.match(details.token, /^shop\./);
    await sandbox.stop();
  }
});

test('TLS has a certificate for clients', async () => {
  const sandbox = await startSandbox({ tls: true });
  assert.match(sandbox.url, /^https:/);
  const ca = readFileSync(sandbox.certificatePath);
  const [response] = await once(get(`${sandbox.url}/time`, { ca, agent: false }), 'response');
  assert.equal(response.statusCode, 200);
  response.resume();
  assert.ok(await sandbox.advanceClock(1));
  await sandbox.stop();
  assert.throws(() => readFileSync(sandbox.certificatePath), { code: 'ENOENT' });
});

test('a stopped sandbox is stopped again, and answers nothing', async () => {
  const sandbox = await startSandbox();
  await sandbox.stop();
  await sandbox.stop();
  await assert.rejects(sandbox.reset(), { name: 'SandboxError', message: /still running/ });
});

test('a start that fails says why', async () => {
  await assert.rejects(startSandbox({ args: ['--no-such'] }), { name: 'SandboxError', message: /--no-such/ });
  await assert.rejects(startSandbox({ apps: 'missing.json' }), { message: /missing\.json.*does not exist/s });
  process.env.ABLY_AUTH_PROGRAM = '/missing/ably-auth';
  await assert.rejects(startSandbox(), { name: 'SandboxError', message: /cannot be started.*ENOENT/ });
  delete process.env.ABLY_AUTH_PROGRAM;
  process.env.ABLY_AUTH_PROGRAM = process.execPath;
  await assert.rejects(startSandbox({ timeoutMs: 5000 }), SandboxError);
  writeFileSync('other', '#!/bin/sh\necho something else; sleep 9\n', { mode: 0o700 });
  process.env.ABLY_AUTH_PROGRAM = './other';
  await assert.rejects(startSandbox(), { name: 'SandboxError', message: /is not the program ably-auth/ });
  delete process.env.ABLY_AUTH_PROGRAM;
  const aborted = startSandbox({ signal: AbortSignal.abort() });
  await assert.rejects(aborted, { name: 'AbortError' });
});

test('no file with secrets stays', async () => {
  process.env.TMPDIR = mkdtempSync(join(tmpdir(), 'ably-auth-files-'));
  const sandbox = await startSandbox({ apps: { appId: 'shop', keys: [{ id: 'backend', secret: 'an-example-not-a-secret' }] }, tls: true });
  assert.deepEqual(readdirSync(process.env.TMPDIR, { recursive: true }).filter((name) => name.includes('apps')), []);
  await sandbox.stop();
  assert.deepEqual(readdirSync(process.env.TMPDIR), []);
  delete process.env.TMPDIR;
});

test('variables of a service do not change a sandbox', async () => {
  const start = "import { startSandbox } from 'ably-auth'; const s = await startSandbox(); console.log(s.port); await s.stop();";
  const { child, line } = await script(start, { ABLY_AUTH_LISTEN: 'nonsense', ABLY_AUTH_REDIS: 'redis://127.0.0.1:1' });
  assert.ok(Number(line) > 0);
  if (child.exitCode === null) await once(child, 'exit');
  assert.equal(child.exitCode, 0);
});

test('a sandbox ends with its process, and does not keep it alive', async () => {
  const start = "import { startSandbox } from 'ably-auth'; const s = await startSandbox(); console.log(s.port);";
  const done = await script(start);
  if (done.child.exitCode === null) await once(done.child, 'exit');
  assert.equal(done.child.exitCode, 0);
  await closed(done.line);

  const { child, line } = await script(`${start} setInterval(() => {}, 1000);`);
  child.kill('SIGKILL');
  await closed(line);
});

test('`await using` stops a sandbox', { skip: !Symbol.asyncDispose }, async () => {
  const sandbox = await startSandbox();
  await sandbox[Symbol.asyncDispose]();
  await closed(sandbox.port);
});

test('CommonJS gets the same functions', () => {
  const required = createRequire(import.meta.url)('ably-auth');
  assert.deepEqual(Object.keys(required).sort(), ['Sandbox', 'SandboxError', 'programPath', 'startSandbox']);
  assert.equal(required.startSandbox, startSandbox);
});

describe('npx', () => {
  const npx = (args, options) => spawn('npx', ['--no', '--', 'ably-auth', ...args], { stdio: ['pipe', 'pipe', 'pipe'], ...options });
  const ended = async (child) => {
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
    child.stderr.resume();
    const [status] = await once(child, 'close');
    return { status, output };
  };

  test('runs the program, with its input, its output and its status', async () => {
    assert.equal((await ended(npx(['--version']))).output, `ably-auth ${version()}\n`);
    const check = ['capability', 'check', '{"chat:*":["publish"]}', '--operation', 'publish', '--resource'];
    assert.equal((await ended(npx([...check, 'chat:1']))).status, 0);
    assert.equal((await ended(npx([...check, 'news']))).status, 1);
    const inspect = npx(['token', 'inspect', '--json']);
    inspect.stdin.end('shop.abcdef');
    assert.equal(JSON.parse((await ended(inspect)).output).appId, 'shop');
  });

  test('ends the program with a signal', async () => {
    const child = spawn(process.execPath, ['node_modules/ably-auth/bin/ably-auth.js', 'serve', '--sandbox', '--listen', '127.0.0.1:0'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
    child.kill('SIGTERM');
    const [status] = await once(child, 'exit');
    assert.equal(status, 0);
    await closed(Number(/:(\d+)/.exec(line.slice(line.indexOf('//')))[1]));
  });

  test('does not leave a service behind when it is killed', async () => {
    const child = npx(['serve', '--sandbox', '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'ignore'] });
    const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
    child.kill('SIGTERM');
    await closed(Number(/:(\d+)/.exec(line.slice(line.indexOf('//')))[1]));
  });

  test('is in the commands that a sandbox prints', async () => {
    const child = npx(['serve', '--sandbox', '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'ignore'] });
    let printed = '';
    for await (const text of child.stdout.setEncoding('utf8')) {
      printed += text;
      if (printed.includes('ClientOptions::from_env()')) break;
    }
    child.kill('SIGTERM');
    assert.match(printed, /^ {2}npx ably-auth token request --endpoint http/m);
  });

  test('says what to do if the program is missing', async () => {
    const missing = await ended(npx(['--version'], { env: { ...process.env, ABLY_AUTH_PROGRAM: '/missing/ably-auth' } }));
    assert.equal(missing.status, 2);
    const source = "Object.defineProperty(process, 'arch', { value: 'mips' }); (await import('ably-auth')).programPath()";
    const child = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: ['ignore', 'ignore', 'pipe'] });
    const [text] = await once(child.stderr.setEncoding('utf8'), 'data');
    assert.match(text, /`ably-auth-linux-mips` is not installed.*ABLY_AUTH_PROGRAM/s);
    assert.match(programPath(), /ably-auth-linux-\w+\/bin\/ably-auth$/);
  });
});

function version() {
  return createRequire(import.meta.url)('ably-auth/package.json').version;
}
