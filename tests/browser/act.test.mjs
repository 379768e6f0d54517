// Actions: each does what it says, and its curl line does the same.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { jwt, parts, rest } from './clients.mjs';
import { eventually, see, stage } from './stage.mjs';

let revocable;
const on = stage({
  async prepare(service) {
    [revocable] = await service.createApp({ keys: [{ revocableTokens: true }] });
  },
});

const action = (page, title) => page.getByRole('region', { name: title, exact: true });

// Runs the curl line that an action shows, and returns what it prints.
async function runCurl(part) {
  const line = await part.getByRole('region', { name: /with curl/ }).textContent();
  const { stdout } = await promisify(execFile)('sh', ['-c', line]);
  return stdout;
}

const publish = (options) => rest(on.service, options).channels.get('chat').publish('greeting', 'hello');

// Sends a request with a token, and returns the code of the refusal.
async function codeFor(token) {
  const answer = await on.service.send('GET', '/channels/chat/messages', { token });
  return (await answer.json()).error?.code;
}

async function issue(page, { key, kind, clientId, minutes }) {
  const part = action(page, 'Issue a token');
  await part.getByLabel('Key', { exact: true }).selectOption(parts(key).name);
  await part.getByText(kind, { exact: true }).click();
  if (clientId) await part.getByLabel('clientId').fill(clientId);
  if (minutes) {
    await part.getByLabel('Lifetime', { exact: true }).fill(String(minutes));
    await part.getByLabel('Unit of lifetime').selectOption('60000');
  }
  await part.getByRole('button', { name: 'Issue', exact: true }).click();
  await part.locator('.token').waitFor();
  return { part, token: await part.locator('.token').textContent() };
}

test('issued token is accepted and can be inspected', async (t) => {
  const page = await on.visit(t, 'act');
  const { part, token } = await issue(page, { key: on.service.key, kind: 'Token', clientId: 'issued' });
  await publish({ token });
  assert.ok(!token.includes('eyJ'));
  await part.getByRole('button', { name: 'Inspect' }).click();
  await see(page, 'This service accepts it.');
  assert.ok(!page.url().includes(token));
});

test('issued JWT is accepted, and curl issues one too', async (t) => {
  const page = await on.visit(t, 'act');
  const { part, token } = await issue(page, { key: on.service.key, kind: 'JWT', clientId: 'ann' });
  assert.equal(token.split('.').length, 3);
  await publish({ token });
  const answer = JSON.parse(await runCurl(part));
  await publish({ token: answer.token });
});

test('wrong capability is refused with the reason', async (t) => {
  const page = await on.visit(t, 'act', { forgives: /40\d/ });
  const part = action(page, 'Issue a token');
  await part.getByLabel('Capability').fill('{"chat":["pubish"]}');
  await part.getByRole('button', { name: 'Issue', exact: true }).click();
  await see(part.getByRole('alert'), /publish/);
});

test('revocation by target ends a token', async (t) => {
  const { token } = await rest(on.service, { key: revocable }).auth.requestToken({ clientId: 'carol' });
  await publish({ token });
  const page = await on.visit(t, 'act');
  const part = action(page, 'Revoke tokens');
  await part.getByLabel('Key', { exact: true }).selectOption(parts(revocable).name);
  await part.getByLabel('Target').selectOption('clientId');
  await part.getByLabel('Value').fill('carol');
  await part.getByRole('button', { name: 'Revoke', exact: true }).click();
  await see(part, 'clientId:carol');
  assert.equal(await codeFor(token), 40141);
});

test('rotated key is replaced by one that works', async (t) => {
  const [old] = await on.service.createApp({ keys: [{}] });
  const page = await on.visit(t, 'act');
  const part = action(page, 'Rotate a key');
  await part.getByLabel('Key', { exact: true }).selectOption(parts(old).name);
  await part.getByRole('button', { name: 'Rotate', exact: true }).click();
  await see(part, 'The old secret ends now.');
  await publish({ key: old });
  await part.getByRole('button', { name: 'Rotate', exact: true }).click();
  await part.locator('.token').waitFor();
  const next = await part.locator('.token').textContent();
  await publish({ key: next });
  await assert.rejects(publish({ key: old }));
});

test('expiry is watched as the clock moves', async (t) => {
  const page = await on.visit(t, 'act');
  const { part, token } = await issue(page, { key: on.service.key, kind: 'Token', minutes: 90 });
  await see(part, /^Valid for 1 hr/, '.life-sentence');
  assert.equal(await part.locator('.life').getAttribute('data-state'), 'valid');
  const clock = action(page, 'Move the clock');
  await clock.getByLabel('Advance by', { exact: true }).fill('2');
  await clock.getByRole('button', { name: 'Advance', exact: true }).click();
  await see(clock, /2 hrs? ahead/);
  await see(part, /^Expired/, '.life-sentence');
  assert.equal(await part.locator('.life').getAttribute('data-state'), 'expired');
  await see(page.getByRole('banner'), /Clock ahead by 2 hr/);
  assert.equal(await codeFor(token), 40142);
});

test('refused requests are counted down', async (t) => {
  const page = await on.visit(t, 'act');
  const part = action(page, 'Inject faults');
  await part.getByLabel('How many').fill('2');
  await part.getByLabel('Code').fill('50003');
  await part.getByRole('button', { name: 'Inject', exact: true }).click();
  await see(part, /refuse 2 more requests with 50003/);
  const code = async () => (await (await on.service.send('GET', '/time')).json()).error?.code;
  assert.deepEqual([await code(), await code(), await code()], [50003, 50003, undefined]);
  await eventually(async () => assert.match(await part.textContent(), /No faults are active/));
});

test('dropped request gets no answer, and faults can be stopped', async (t) => {
  const page = await on.visit(t, 'act');
  const part = action(page, 'Inject faults');
  await part.getByText('Drop', { exact: true }).click();
  await part.getByLabel('How many').fill('1');
  await part.getByRole('button', { name: 'Inject', exact: true }).click();
  await see(part, /drop 1 more request/);
  await assert.rejects(on.service.send('GET', '/time'));
  assert.equal((await on.service.send('GET', '/time')).status, 200);
  await part.getByText('Delay', { exact: true }).click();
  await part.getByLabel('How many').fill('5');
  await part.getByLabel('Delay in ms').fill('50');
  await part.getByRole('button', { name: 'Inject', exact: true }).click();
  await see(part, /delay 5 more requests by 50 ms/);
  assert.equal((await on.service.send('GET', '/time')).status, 200);
  await see(part, /delay 4 more requests/);
  await part.getByRole('button', { name: 'Stop faults' }).click();
  await see(part, 'No faults are active.');
});

test('reset forgets what was made at run time', async (t) => {
  const [gone] = await on.service.createApp({ keys: [{}] });
  await publish({ key: gone });
  const page = await on.visit(t, 'act');
  const part = action(page, 'Reset');
  await part.getByRole('button', { name: 'Reset', exact: true }).click();
  await see(part, 'Everything made since the start is lost.');
  await part.getByRole('button', { name: 'Reset', exact: true }).click();
  await see(part, 'The sandbox is as it was at its start.');
  await assert.rejects(publish({ key: gone }));
  await publish({ token: jwt(on.service.key) });
  await eventually(async () => assert.doesNotMatch(await page.getByRole('banner').textContent(), /Clock ahead/));
});
