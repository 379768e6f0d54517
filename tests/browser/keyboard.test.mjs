// The console without a mouse.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parts } from './clients.mjs';
import { eventually, see, stage } from './stage.mjs';

const on = stage();

const focused = (page) => page.evaluate(() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent);

// Presses Tab until an element has the focus.
async function tabTo(page, locator, key = 'Tab') {
  await locator.waitFor();
  for (let press = 0; press < 60; press += 1) {
    if (await locator.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press(key);
  }
  assert.fail(`60 presses of ${key} did not reach ${locator}; the focus is on "${await focused(page)}"`);
}

const send = (channel) => on.service.send('GET', `/channels/${channel}/messages`, { key: on.service.key });

test('first Tab offers to skip the navigation', async (t) => {
  const page = await on.visit(t, 'overview');
  await see(page, 'Overview', 'h1');
  await page.keyboard.press('Tab');
  assert.equal(await focused(page), 'Skip to the content');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
  assert.match(page.url(), /#\/overview$/);
});

test('views are reached with Tab and Enter', async (t) => {
  const page = await on.visit(t, 'overview');
  await see(page, 'Overview', 'h1');
  for (const name of ['Inspect', 'Connections', 'Act', 'Log']) {
    await page.evaluate(() => document.activeElement.blur());
    await tabTo(page, page.getByRole('navigation').getByRole('link', { name }));
    await page.keyboard.press('Enter');
    await see(page, name, 'h1');
    // A screen reader begins at the title.
    await eventually(async () => assert.equal(await focused(page), name));
  }
});

test('story is opened, browsed and closed', async (t) => {
  await send('older');
  await send('newer');
  const page = await on.visit(t, 'log');
  await see(page, 'newer');
  const grid = page.getByRole('grid');
  await tabTo(page, grid);
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Enter');
  const story = page.getByRole('region', { name: 'Story of a row' });
  await see(story, '/channels/newer/messages');
  assert.match(await focused(page), /^Row \d+$/);
  await page.keyboard.press('Escape');
  await story.waitFor({ state: 'hidden' });
  assert.equal(await focused(page), 'Log');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Enter');
  await see(story, '/channels/older/messages');
});

test('slash goes to the filters, Escape back to the rows', async (t) => {
  await send('sought');
  await send('unsought');
  const page = await on.visit(t, 'log');
  await see(page, '/channels/unsought/');
  await page.keyboard.press('/');
  await tabTo(page, page.getByLabel('Channel'));
  await page.keyboard.type('sought');
  await page.locator('.grid-row').filter({ hasText: '/unsought/' }).waitFor({ state: 'detached' });
  await see(page, '/channels/sought/');
  await page.keyboard.press('Escape');
  assert.equal(await focused(page), 'Log');
});

test('tabs of snippets move with arrows', async (t) => {
  const page = await on.visit(t, 'overview');
  const curl = page.getByRole('tab', { name: 'curl' });
  await tabTo(page, curl);
  await page.keyboard.press('ArrowRight');
  await page.getByRole('tabpanel', { name: 'npm ably' }).waitFor();
  await page.keyboard.press('End');
  await page.getByRole('tabpanel', { name: 'ably-auth' }).waitFor();
});

test('token is issued without a mouse', async (t) => {
  const page = await on.visit(t, 'act');
  const part = page.getByRole('region', { name: 'Issue a token', exact: true });
  await tabTo(page, part.getByLabel('Key'));
  await page.keyboard.press('Tab');
  await page.keyboard.press('ArrowRight');
  await tabTo(page, part.getByLabel('clientId'));
  await page.keyboard.type('dora');
  await page.keyboard.press('Enter');
  await part.locator('.token').waitFor();
  const { name } = parts(on.service.key);
  const [head] = (await part.locator('.token').textContent()).split('.');
  assert.deepEqual(JSON.parse(Buffer.from(head, 'base64url')).kid, name);
  await see(part, 'dora');
});
