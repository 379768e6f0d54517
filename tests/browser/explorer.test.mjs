// The guide's credential explorer, in the built book.

import assert from 'node:assert/strict';
import { createReadStream, readFileSync, statSync } from 'node:fs';
import http from 'node:http';
import { extname, join, normalize } from 'node:path';
import { after, before, test } from 'node:test';

import { jwt } from './clients.mjs';
import { eventually, launch, see, visit } from './stage.mjs';

const TYPES = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm', '.svg': 'image/svg+xml' };
const KEY = 'app.key:an-example-not-a-secret';
const axe = readFileSync(`${process.env.MODULES}/node_modules/axe-core/axe.min.js`, 'utf8');
let browser;
let server;
let origin;

before(async () => {
  server = http.createServer((request, response) => {
    const path = join(process.env.BOOK, normalize(new URL(request.url, 'http://book').pathname));
    if (!statSync(path, { throwIfNoEntry: false })?.isFile()) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream' });
    createReadStream(path).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${server.address().port}`;
  browser = await launch();
});
after(async () => {
  await browser?.close();
  server?.closeAllConnections();
  server?.close();
});

// Opens the page, and returns it with the frame of the explorer.
async function open(t, settings) {
  const page = await visit(t, browser, `${origin}/explorer.html`, settings);
  const frame = page.frameLocator('iframe.explorer');
  await frame.getByRole('textbox', { name: 'Credential' }).waitFor();
  return { page, frame };
}

test('credential is decoded in the page, and nothing is sent', async (t) => {
  const { page, frame } = await open(t);
  const sent = [];
  page.on('request', (request) => sent.push(request.url()));
  await frame.getByRole('textbox', { name: 'Credential' }).fill(jwt(KEY, { claims: { 'x-ably-clientId': 'ann' } }));
  await see(frame, 'ann', 'dd');
  await see(frame, /^Valid for/, '.life-sentence');
  await frame.getByLabel('Operation').fill('publish');
  await frame.getByLabel('On channel').fill('chat');
  await see(frame, /^Yes: /, '.answer');
  assert.deepEqual(sent, []);
});

test('problems of a JWT are listed without a service', async (t) => {
  const { frame } = await open(t);
  const text = frame.getByRole('textbox', { name: 'Credential' });
  await text.fill(jwt(KEY, { claims: { exp: 1_000_000_000, iat: 999_996_400 } }));
  await see(frame, /^Expired/, '.life-sentence');
  await text.fill(jwt(KEY, { claims: { 'x-ably-capability': { chat: ['*'] } } }));
  await see(frame, /x-ably-capability.*give its JSON as a string/, 'li');
});

test('two capabilities are intersected', async (t) => {
  const { frame } = await open(t);
  await frame.getByLabel('Capability of the key').fill('{"chat:*":["publish","subscribe"]}');
  await frame.getByLabel('Capability asked for').fill('{"chat:lobby":["publish","history"]}');
  await see(frame, '{"chat:lobby":["publish"]}');
  await frame.getByLabel('Capability asked for').fill('{chat}');
  const alert = frame.getByRole('alert');
  await alert.waitFor();
  assert.match(await alert.textContent(), /invalid b:.*byte 1/);
});

test('frame is as high as its content, in the theme of the book', async (t) => {
  const { page, frame } = await open(t, { colorScheme: 'dark' });
  const background = () => frame.locator('.code-input').first().evaluate((area) => getComputedStyle(area).backgroundColor);
  await frame.getByRole('textbox', { name: 'Credential' }).fill(jwt(KEY));
  await see(frame, /^Valid for/, '.life-sentence');
  await eventually(async () => {
    const hidden = await frame.locator('html').evaluate((root) => root.scrollHeight - root.clientHeight);
    assert.equal(hidden, 0, 'the frame scrolls');
  });
  const dark = await background();
  await page.evaluate(() => document.documentElement.classList.replace([...document.documentElement.classList].find((name) => ['navy', 'coal', 'ayu'].includes(name)), 'light'));
  await eventually(async () => assert.notEqual(await background(), dark));
});

test('explorer alone has no complaint of axe-core', async (t) => {
  for (const colorScheme of ['light', 'dark']) {
    const page = await visit(t, browser, `${origin}/explorer/index.html`, { colorScheme, viewport: { width: 320, height: 700 } });
    await page.getByRole('textbox', { name: 'Credential' }).fill(jwt(KEY));
    await see(page, /^Valid for/, '.life-sentence');
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'] }));
    assert.deepEqual(violations.map(({ help, nodes }) => `${help}: ${nodes.map((node) => node.html)}`), []);
  }
});
