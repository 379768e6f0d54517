// The overview: apps and keys, secrets and snippets.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parts } from './clients.mjs';
import { eventually, see, stage } from './stage.mjs';

const on = stage();
const SNIPPETS = ['curl', 'npm ably', 'PyPI ably', 'Rust, async', 'Rust, blocking', 'Rust, axum', 'ably-auth'];

// Grants what a user grants once, and returns what is on the clipboard.
const clipboard = { permissions: ['clipboard-read', 'clipboard-write'] };
const copied = (page) => page.evaluate(() => navigator.clipboard.readText());

test('first page says what to do', async (t) => {
  const page = await on.visit(t, '');
  await see(page, 'Send a request; it appears in the log.');
  assert.equal(await page.title(), 'Overview · ably-auth');
  await see(page, on.service.host);
  await see(page.locator('.tile'), 'Real time');
});

test('secret is masked until it is revealed', async (t) => {
  const page = await on.visit(t, 'overview');
  const { name, secret } = parts(on.service.key);
  await see(page, `${name}:••••••`);
  assert.ok(!(await page.content()).includes(secret), 'the secret is in the page');
  await page.getByRole('button', { name: 'Reveal' }).first().click();
  await see(page, on.service.key);
  await page.getByRole('button', { name: 'Hide' }).first().click();
  await see(page, `${name}:••••••`);
  assert.ok(!(await page.locator('.secret').first().textContent()).includes(secret), 'the secret is still shown');
});

test('key is copied without being shown', async (t) => {
  const page = await on.visit(t, 'overview', clipboard);
  await page.getByRole('button', { name: 'Copy the key' }).first().click();
  await see(page, 'Copied');
  assert.equal(await copied(page), on.service.key);
  assert.ok(!(await page.content()).includes(parts(on.service.key).secret), 'the secret is in the page');
});

test('each snippet is a tab and is copied with the real secret', async (t) => {
  const page = await on.visit(t, 'overview', clipboard);
  const tabs = page.getByRole('tab');
  await tabs.first().waitFor();
  assert.deepEqual(await tabs.allTextContents(), SNIPPETS);
  for (const name of SNIPPETS) {
    await page.getByRole('tab', { name, exact: true }).click();
    const panel = page.getByRole('tabpanel', { name });
    assert.ok(!(await panel.textContent()).includes(parts(on.service.key).secret), `${name} shows the secret`);
    await panel.getByRole('button', { name: /^Copy/ }).click();
    await eventually(async () => assert.match(await panel.textContent(), /Copied/));
  }
  await page.getByRole('tab', { name: 'curl' }).click();
  const curl = page.getByRole('tabpanel', { name: 'curl' });
  await curl.getByRole('button', { name: /^Copy/ }).click();
  await eventually(async () => assert.ok((await copied(page)).includes(on.service.key)));
  assert.ok((await copied(page)).includes(`${on.service.url}/`), await copied(page));
});

test('chosen snippet is still chosen after a reload', async (t) => {
  const page = await on.visit(t, 'overview');
  await page.getByRole('tab', { name: 'PyPI ably' }).click();
  await page.reload();
  await page.getByRole('tab', { name: 'PyPI ably', selected: true }).waitFor();
});

test('capability of a key is a table that can be read aloud', async (t) => {
  const [key] = await on.service.createApp({ keys: [{ capability: '{"chat:*":["publish"],"news":["subscribe"]}' }] });
  const page = await on.visit(t, 'overview');
  const card = page.locator('details.key').filter({ hasText: parts(key).name });
  // The first card is open from the beginning; apps are in the order of their random ids.
  await card.waitFor();
  if ((await card.getAttribute('open')) === null) await card.locator('summary').click();
  const table = card.getByRole('table');
  const row = table.getByRole('row', { name: /chat:\*/ });
  await row.waitFor();
  const [publish, subscribe] = await table.getByRole('columnheader').allTextContents().then((heads) => heads.slice(1));
  assert.deepEqual([publish, subscribe].sort(), ['publish', 'subscribe']);
  assert.match(await row.textContent(), /permitted/);
});
