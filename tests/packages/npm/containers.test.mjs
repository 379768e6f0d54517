// The containers of the guide's page `install.md`: their commands and apps, run without a container engine.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as Ably from 'ably';
import { programPath } from 'ably-auth';

const page = readFileSync(join(process.env.GUIDE, 'install.md'), 'utf8');
const one = (pattern) => {
  const found = [...page.matchAll(pattern)];
  assert.equal(found.length, 1, `${pattern} is on the page ${found.length} times`);
  return found[0][1];
};

/** Starts the program as the image does, but on a free port. Returns the process, and the object that it prints. */
async function start(command, apps) {
  const folder = mkdtempSync(join(tmpdir(), 'ably-auth-image-'));
  writeFileSync(join(folder, 'apps.json'), apps, { mode: 0o600 });
  const env = { ABLY_AUTH_LISTEN: '0.0.0.0:0', ABLY_AUTH_APPS: join(folder, 'apps.json'), ABLY_AUTH_LOG_FORMAT: 'json' };
  const child = spawn(programPath(), [...command, '--json'], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
  return { child, started: JSON.parse(line) };
}

/** Returns the status of a response to a request for a host. */
async function status(port, host) {
  const sent = request({ host: '127.0.0.1', port, path: '/time', headers: { Host: host }, agent: false }).end();
  const [response] = await once(sent, 'response');
  response.resume();
  return response.statusCode;
}

async function publish(port, key) {
  const ably = new Ably.Rest({ key, useTokenAuth: true, endpoint: '127.0.0.1', port, tlsPort: port, tls: false });
  await ably.channels.get('chat').publish('greeting', 'hello');
}

test('the Compose file starts a sandbox for its network', async () => {
  const command = one(/^ {4}command: \[(.*)\]$/gm).split(', ');
  const { child, started } = await start(command, one(/^ {4}content: '(.*)'$/gm));
  assert.equal(await status(started.port, 'ably.test:8484'), 200);
  assert.equal(await status(started.port, 'evil.example'), 403);
  await publish(started.port, one(/ABLY_API_KEY: "([^"]+)"/g));
  assert.equal(one(/aliases: \[(.*)\]/g), one(/ABLY_ENDPOINT: ([\w.]+)/g));
  child.kill();
});

test('the Testcontainers program starts a sandbox for any host', async () => {
  const command = JSON.parse(`[${one(/\.withCommand\(\[(.*)\]\)/g).replaceAll("'", '"')}]`);
  const apps = one(/^const apps = (.*);$/gm).replaceAll("'", '"').replaceAll(/(\w+):/g, '"$1":');
  const { child, started } = await start(command, apps);
  assert.equal(await status(started.port, 'docker.example:49153'), 200);
  await publish(started.port, one(/^ {2}key: '([^']+)',$/gm));
  child.kill();
});
