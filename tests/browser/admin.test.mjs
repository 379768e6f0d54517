// The console on the admin address: for holders of its token, and without power over secrets.

import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { see, stage, visit } from './stage.mjs';

const TOKEN = 'a-token-of-the-admin-console-for-a-test';
const folder = mkdtempSync(join(tmpdir(), 'admin-'));
const file = join(folder, 'token');
writeFileSync(file, TOKEN);
chmodSync(file, 0o600);
after(() => rmSync(folder, { recursive: true }));

const on = stage({ options: ['--admin', '127.0.0.1:0', '--admin-console', file] });

// Opens a view of the admin console.
const open = (t, view) => visit(t, on.browser, `${on.service.consoles.at(-1)}#/${view}`, { forgives: /401/ });

async function enter(page, token) {
  await page.getByLabel('Token', { exact: true }).fill(token);
  await page.getByRole('button', { name: 'Continue' }).click();
}

test('page asks for the token until it is right, and keeps it in its tab', async (t) => {
  const page = await open(t, 'overview');
  await enter(page, 'not-the-token-of-the-console-at-all');
  await see(page, /no valid token/, '#token-problem');
  await enter(page, TOKEN);
  await see(page, 'admin', '#mode');
  await page.reload();
  await see(page, 'admin', '#mode');
  const other = await open(t, 'log');
  await other.getByLabel('Token', { exact: true }).waitFor();
});

test('secrets are not revealed, and only tokens are revoked', async (t) => {
  const page = await open(t, 'overview');
  await enter(page, TOKEN);
  await see(page, on.service.key.split(':')[0]);
  assert.equal(await page.getByRole('button', { name: 'Reveal' }).count(), 0);
  await page.getByRole('link', { name: 'Act' }).click();
  await see(page, 'Revoke tokens', 'h2');
  assert.deepEqual(await page.locator('main h2').allTextContents(), ['Revoke tokens']);
});

test('log follows the requests of the service', async (t) => {
  const page = await open(t, 'log');
  await enter(page, TOKEN);
  await see(page, 'Live', '.feed-state');
  await on.service.send('GET', '/channels/seen-by-the-operator/messages', { key: on.service.key });
  await see(page, '/channels/seen-by-the-operator/', '.grid-row');
});
