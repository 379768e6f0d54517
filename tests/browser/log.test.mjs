// The log: rows as they arrive, filters, pause, clear, and addresses of rows.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { rest } from './clients.mjs';
import { eventually, see, stage } from './stage.mjs';

const on = stage();

const rows = (page) => page.locator('.grid-body [role=row]');
const newest = (page, text) => rows(page).filter({ hasText: text }).last();

// Publishes as a clientId to a channel, which makes a row that only this test has.
const publish = (channel, clientId = channel) =>
  rest(on.service, { key: on.service.key, clientId }).channels.get(channel).publish('greeting', 'hello');

test('request appears without a reload', async (t) => {
  const page = await on.visit(t, 'log');
  await see(page, 'Live');
  await publish('live');
  const row = newest(page, 'live');
  await row.waitFor();
  assert.match(await row.textContent(), /granted.*201.*publish/s);
});

test('refused request shows its code and its reason', async (t) => {
  const page = await on.visit(t, 'log');
  await see(page, 'Live');
  await on.service.send('GET', '/channels/refused/messages', { key: 'no.key:secret' });
  const row = newest(page, '/channels/refused/');
  await row.waitFor();
  assert.match(await row.textContent(), /refused.*40[14]/s);
});

test('filters are part of the address', async (t) => {
  await publish('kept');
  await publish('left-out');
  const page = await on.visit(t, 'log');
  await newest(page, 'left-out').waitFor();
  await page.getByLabel('Channel').fill('kep*');
  await newest(page, 'left-out').waitFor({ state: 'detached' });
  await newest(page, 'kept').waitFor();
  await page.reload();
  await newest(page, 'kept').waitFor();
  assert.equal(await page.getByLabel('Channel').inputValue(), 'kep*');
  assert.equal(await newest(page, 'left-out').count(), 0);
  await page.getByRole('button', { name: 'Clear filters' }).first().click();
  await newest(page, 'left-out').waitFor();
});

test('filters by outcome, code, clientId and kind', async (t) => {
  await publish('granted-one', 'ann');
  await on.service.send('GET', '/channels/denied/messages', { key: 'no.key:secret' });
  const page = await on.visit(t, 'log?outcome=refused');
  await newest(page, '/channels/denied/').waitFor();
  assert.equal(await newest(page, 'granted-one').count(), 0);
  await page.goto(`${on.service.url}/console#/log?clientId=ann`);
  await newest(page, 'granted-one').waitFor();
  await newest(page, '/channels/denied/').waitFor({ state: 'detached' });
  await page.goto(`${on.service.url}/console#/log?code=40999`);
  await see(page, 'No row matches the filters');
  await page.goto(`${on.service.url}/console#/log?kind=connection&clientId=ann`);
  await see(page, 'No row matches the filters');
});

test('paused list counts new rows and shows them later', async (t) => {
  const page = await on.visit(t, 'log');
  await see(page, 'Live');
  await page.getByRole('button', { name: 'Pause' }).click();
  await publish('while-paused');
  await page.getByRole('button', { name: /Resume \(\d+ new\)/ }).waitFor();
  assert.equal(await newest(page, 'while-paused').count(), 0);
  await page.getByRole('button', { name: /Resume/ }).click();
  await newest(page, 'while-paused').waitFor();
});

test('clear asks first and empties the log of the service', async (t) => {
  await publish('forgotten');
  const page = await on.visit(t, 'log');
  await newest(page, 'forgotten').waitFor();
  await page.getByRole('button', { name: 'Clear', exact: true }).click();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await newest(page, 'forgotten').waitFor();
  await page.getByRole('button', { name: 'Clear', exact: true }).click();
  await page.getByRole('group').getByRole('button', { name: 'Clear', exact: true }).click();
  await see(page, 'Nothing here yet');
  const other = await on.visit(t, 'log');
  await see(other, 'Nothing here yet');
});

test('address of a row opens its story', async (t) => {
  await publish('shared');
  const page = await on.visit(t, 'log');
  await newest(page, 'shared').click();
  const story = page.getByRole('region', { name: 'Story of a row' });
  await see(story, 'Granted');
  const address = page.url();
  assert.match(address, /#\/log\/\d+$/);
  const other = await on.visit(t, address.split('#/')[1]);
  await see(other.getByRole('region', { name: 'Story of a row' }), /shared/);
});

test('row that was dropped is explained', async (t) => {
  const page = await on.visit(t, 'log/999999', { forgives: /404/ });
  await see(page, 'Row 999999 is no longer in the log');
});

test('story has previous and next rows', async (t) => {
  await publish('first-of-two');
  await publish('second-of-two');
  const page = await on.visit(t, 'log');
  await newest(page, 'first-of-two').click();
  const story = page.getByRole('region', { name: 'Story of a row' });
  await see(story, /first-of-two/);
  await page.getByRole('button', { name: 'Next row' }).click();
  await see(story, /second-of-two/);
  await page.getByRole('button', { name: 'Previous row' }).click();
  await see(story, /first-of-two/);
  await page.getByRole('button', { name: 'Close' }).click();
  await story.waitFor({ state: 'hidden' });
  await eventually(async () => assert.doesNotMatch(page.url(), /log\/\d/));
});
