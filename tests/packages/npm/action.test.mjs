// The GitHub Action, run as a runner does: inputs in variables, outputs in files.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import * as Ably from 'ably';
import { programPath } from 'ably-auth';

const FILES = ['GITHUB_OUTPUT', 'GITHUB_ENV', 'GITHUB_STATE', 'GITHUB_STEP_SUMMARY'];
let env;

beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), 'ably-auth-runner-'));
  env = { PATH: process.env.PATH, RUNNER_TEMP: folder, ABLY_AUTH_PROGRAM: programPath(), INPUT_VERSION: '0.1.0', INPUT_PORT: '0' };
  for (const name of FILES) {
    env[name] = join(folder, name);
    writeFileSync(env[name], '');
  }
});
afterEach(() => run('stop'));

async function run(step, more = {}) {
  const state = Object.fromEntries(Object.entries(read('GITHUB_STATE')).map(([name, value]) => [`STATE_${name}`, value]));
  const child = spawn(process.execPath, [join(process.env.ACTION, `${step}.mjs`)], { env: { ...env, ...state, ...more } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const [status] = await once(child, 'close');
  return { status, output };
}

const read = (name) => Object.fromEntries(readFileSync(env[name], 'utf8').split('\n').filter(Boolean).map((line) => line.split(/=(.*)/s, 2)));

test('later steps reach the sandbox, and the summary explains its refusals', async () => {
  const started = await run('start');
  assert.equal(started.status, 0, started.output);
  const { ABLY_API_KEY: key, ABLY_URL, ABLY_ENDPOINT: endpoint, ABLY_PORT } = read('GITHUB_ENV');
  assert.deepEqual(read('GITHUB_OUTPUT'), { key, url: ABLY_URL, endpoint, port: ABLY_PORT });
  assert.equal(ABLY_URL, `http://${endpoint}:${ABLY_PORT}`);
  // A runner hides what was masked; nothing else may show the secret.
  assert.equal(started.output.replace(`::add-mask::${key}`, '').includes(key.split(':')[1]), false);

  const port = Number(ABLY_PORT);
  const options = { endpoint, port, tlsPort: port, tls: false, useTokenAuth: true };
  await new Ably.Rest({ ...options, key }).channels.get('chat').publish('greeting', 'hello');
  await assert.rejects(new Ably.Rest({ ...options, key: `${key}x` }).auth.requestToken());

  const stopped = await run('stop');
  assert.match(stopped.output, /refused requests: 1/);
  assert.match(readFileSync(env.GITHUB_STEP_SUMMARY, 'utf8'), /\| requestToken \| 40101 \| mac does not match/);
  await assert.rejects(async () => {
    for (;;) await fetch(`${ABLY_URL}/time`);
  });
});

test('inputs reach the program', async () => {
  const apps = join(env.RUNNER_TEMP, 'apps.json');
  writeFileSync(apps, '{"appId":"shop","keys":[{"id":"backend","secret":"an-example-not-a-secret"}]}', { mode: 0o600 });
  const started = await run('start', { INPUT_APPS: apps, INPUT_ARGS: '--log-level\nwarn\n' });
  assert.equal(started.status, 0, started.output);
  assert.equal(read('GITHUB_ENV').ABLY_API_KEY, undefined);
  assert.equal(read('GITHUB_OUTPUT').key, '');
});

test('a start that fails is an error of the step, which says why', async () => {
  for (const [more, said] of [
    [{ INPUT_ARGS: '--no-such' }, /::error::.*--no-such/],
    [{ INPUT_APPS: 'missing.json' }, /::error::.*missing\.json.*does not exist/],
    [{ ABLY_AUTH_PROGRAM: '/missing/ably-auth' }, /::error::the sandbox cannot be started/],
    [{ ABLY_AUTH_PROGRAM: '', INPUT_VERSION: '1 --registry=x' }, /::error::version: `1 --registry=x` is not a version/],
  ]) {
    const { status, output } = await run('start', more);
    assert.equal(status, 1, output);
    assert.match(output, said);
  }
});
