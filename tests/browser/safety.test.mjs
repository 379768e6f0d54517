// Attacks on the console by other pages and by untrusted text, and a service that stops.

import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';

import { see, stage } from './stage.mjs';

const on = stage();

// Sends a request with a Host header that `fetch` does not permit to set.
const answerTo = (path, headers) =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(on.service.url);
    http.get({ hostname, port, path, headers }, (answer) => resolve(answer.resume())).once('error', reject);
  });

test('foreign Host is refused', async () => {
  for (const path of ['/console', '/console/main.mjs', '/console/api/overview']) {
    const { statusCode } = await answerTo(path, { host: 'attacker.example' });
    assert.ok([400, 403, 421].includes(statusCode), `${path}: ${statusCode}`);
    assert.equal((await answerTo(path, { host: on.service.host })).statusCode, 200, path);
  }
});

test('page of another origin can neither read nor act', async (t) => {
  const page = await on.browser.newPage();
  t.after(() => page.close());
  await page.route('http://attacker.example/', (route) => route.fulfill({ contentType: 'text/html', body: 'attack' }));
  await page.goto('http://attacker.example/');
  const outcome = (method, path, body) =>
    page.evaluate(
      ([url, method, body]) => fetch(url, { method, body, headers: body ? { 'content-type': 'text/plain' } : {} }).then((answer) => answer.status, () => 'blocked'),
      [`${on.service.url}/console/api/${path}`, method, body],
    );
  assert.equal(await outcome('GET', 'overview'), 'blocked');
  await outcome('POST', 'clock', '{"advanceMs":3600000}');
  const overview = await (await fetch(`${on.service.url}/console/api/overview`)).json();
  assert.equal(overview.service.clockAheadMs, 0, 'a foreign page moved the clock');
});

test('page cannot be framed', async () => {
  const { headers } = await answerTo('/console');
  assert.match(headers['content-security-policy'], /frame-ancestors 'none'/);
  assert.match(headers['content-security-policy'], /default-src 'none'/);
  assert.equal(headers['x-content-type-options'], 'nosniff');
});

test('markup in untrusted text stays text', async (t) => {
  const name = '<img src=x onerror=alert(1)><b>bold</b>';
  await on.service.send('GET', `/channels/${encodeURIComponent(name)}/messages`, { key: on.service.key });
  const page = await on.visit(t, 'log');
  await page.locator('.grid-body [role=row]').last().click();
  await see(page.getByRole('region', { name: 'Story of a row' }), 'onerror=alert(1)');
  assert.equal(await page.locator('main img, main b').count(), 0);
});

test('page says that the service stopped, and goes on when it is back', async (t) => {
  const page = await on.visit(t, 'log', { forgives: /ERR_|Failed to load|does not answer/ });
  await see(page, 'Live');
  await on.service.stop();
  await see(page, 'The service does not answer.', '#banner');
  on.service = await on.service.startAgain();
  await page.locator('#banner').waitFor({ state: 'hidden' });
  await see(page, 'Live', '.feed-state');
  await on.service.send('GET', '/channels/after-the-restart/messages', { key: on.service.key });
  await see(page, '/channels/after-the-restart/', '.grid-row');
});
