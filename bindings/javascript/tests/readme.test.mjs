// Runs the blocks of the README. A comment after `console.log` is what it prints.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { test } from 'node:test';

import { verifyTokenRequest } from 'ably-capability';

import { KEY } from './files.mjs';

const readme = readFileSync('node_modules/ably-capability/README.md', 'utf8');
const blocks = readme.split('\n## ').flatMap((section) => {
  const [, code] = /```js\n(.*?)```/s.exec(section) ?? [];
  return code ? [{ title: section.split('\n')[0], code }] : [];
});
const write = (at, code) => {
  writeFileSync(`readme-${at}.mjs`, code);
  return `readme-${at}.mjs`;
};

test('five uses are shown', () => assert.equal(blocks.length, 5));

for (const [at, { title, code }] of blocks.entries()) {
  const wanted = Array.from(code.matchAll(/^ *console\.log\(.*\); \/\/ (.*)$/gm), ([, printed]) => printed);
  if (wanted.length === 0) continue;
  test(title, () => {
    const printed = execFileSync(process.execPath, [write(at, code)], { encoding: 'utf8' });
    assert.deepEqual(printed.trim().split('\n'), wanted);
  });
}

const freePort = () =>
  new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

test('auth endpoint answers with a signed request', async (t) => {
  const port = await freePort();
  const env = { ...process.env, PORT: `${port}`, ABLY_API_KEY: KEY };
  const server = spawn(process.execPath, [write('auth', blocks[0].code)], { env, stdio: 'inherit' });
  t.after(() => server.kill());
  const ask = (headers) => fetch(`http://127.0.0.1:${port}/auth`, { headers });
  while (!(await ask({}).catch(() => null))) {
    assert.equal(server.exitCode, null);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal((await ask({})).status, 401);
  const { clientId, capability, ttl } = verifyTokenRequest(await (await ask({ 'x-user': 'bob' })).json(), KEY);
  assert.deepEqual([clientId, ttl], ['bob', 1_800_000]);
  assert.ok(capability.permits('subscribe', 'inbox:bob') && !capability.permits('subscribe', 'inbox:ann'));
});
