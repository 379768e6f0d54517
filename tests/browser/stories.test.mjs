// "Why is this 401?": mistakes as users make them, and what the page alone says about them.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Ably, jwt, parts, rest } from './clients.mjs';
import { see, stage } from './stage.mjs';

let key;
let other;
const on = stage({
  async prepare(service) {
    [key, other] = await service.createApp({ keys: [{}, { capability: '{"chat":["publish"]}' }] });
  },
});

// Opens the log, and the story of the newest row with this text.
async function story(t, text) {
  const page = await on.visit(t, 'log');
  await page.locator('.grid-body [role=row]').filter({ hasText: text }).last().click();
  const panel = page.getByRole('region', { name: 'Story of a row' });
  await see(panel, 'Request', 'h3');
  return { page, panel };
}

const cause = (panel) => panel.locator('.cause').textContent();
const verdict = (panel) => panel.locator('.verdict').textContent();

// Publishes with a JWT that the service refuses. All that the program hears is that it needs a new token.
async function publishInVain(token) {
  const published = rest(on.service, { token }).channels.get('chat').publish('greeting', 'hello');
  await assert.rejects(published, (error) => error instanceof Ably.ErrorInfo && error.code === 40171);
}

test('ttl that was changed after signing is named', async (t) => {
  const signer = rest(on.service, { key });
  const client = rest(on.service, {
    authCallback: async (_, done) => {
      const request = await signer.auth.createTokenRequest({ ttl: 3_600_000, clientId: 'ttl-user' });
      done(null, { ...request, ttl: 7_200_000 });
    },
  });
  await assert.rejects(client.auth.requestToken(), (error) => error instanceof Ably.ErrorInfo && error.code === 40101);
  const { panel } = await story(t, '40101');
  assert.match(await verdict(panel), /Refused with 40101/);
  assert.match(await cause(panel), /ttl/i);
  assert.match(await panel.locator('.check-failed').textContent(), /mac/);
  const line = panel.getByRole('row', { name: /^differs: ttl/ });
  assert.match(await line.textContent(), /7200000/);
});

test('secret of another key is named', async (t) => {
  const mixed = `${parts(key).name}:${parts(other).secret}`;
  await assert.rejects(rest(on.service, { key: mixed }).auth.requestToken({ clientId: 'mixed-up' }));
  const { panel } = await story(t, '40101');
  assert.match(await cause(panel), /another key/);
  assert.ok((await cause(panel)).includes(parts(other).name), 'the cause does not name the other key');
  assert.ok(!(await panel.textContent()).includes(parts(key).secret), 'the story shows a secret');
});

test('JWT that is signed with the decoded secret is understood', async (t) => {
  const secret = Buffer.from(parts(key).secret, 'base64');
  const token = jwt(key, { secret, claims: { 'x-ably-clientId': 'decoded' } });
  await publishInVain(token);
  const { panel } = await story(t, '40144');
  assert.match(await cause(panel), /base64/);
  assert.match(await panel.locator('.cause-fix').textContent(), /Fix: \S+/);
  assert.match(await panel.locator('.check-failed').textContent(), /sign/i);
});

test('JWT that has expired is understood', async (t) => {
  const now = Math.floor(Date.now() / 1000);
  const token = jwt(key, { claims: { iat: now - 7200, exp: now - 3600, 'x-ably-clientId': 'late' } });
  await publishInVain(token);
  const { panel } = await story(t, '40142');
  assert.match(await verdict(panel), /expired/i);
  await see(panel, /Expired 1 hr/, '.life-sentence');
});

test('JWT with the kid of another key is understood', async (t) => {
  const token = jwt(key, { head: { kid: parts(other).name } });
  await publishInVain(token);
  const { panel } = await story(t, parts(other).name);
  assert.match(await cause(panel), /another key/);
  assert.ok((await cause(panel)).includes(parts(key).name), 'the cause does not name the key that signed');
});

test('JWT with an object as its capability is understood', async (t) => {
  const token = jwt(key, { claims: { 'x-ably-capability': { chat: ['*'] }, 'x-ably-clientId': 'object' } });
  await publishInVain(token);
  const { panel } = await story(t, '40144');
  assert.match(`${await verdict(panel)} ${await panel.textContent()}`, /x-ably-capability.*(string|text|JSON)/s);
});

test('replay shows the first use and links to it', async (t) => {
  const signed = await rest(on.service, { key }).auth.createTokenRequest({ clientId: 'replayed' });
  const path = `/keys/${signed.keyName}/requestToken`;
  const [first, second] = [await on.service.send('POST', path, { body: signed }), await on.service.send('POST', path, { body: signed })];
  assert.deepEqual([first.status, second.status], [201, 401]);
  const { page, panel } = await story(t, '40105');
  assert.match(await verdict(panel), /Refused with 40105/);
  await panel.getByRole('link', { name: /first use/ }).click();
  await see(panel, 'Granted', '.verdict');
  await see(panel, 'replayed');
  assert.match(page.url(), /#\/log\/\d+/);
});

test('wrong clock is shown next to the clock of the service', async (t) => {
  const timestamp = Date.now() - 3 * 3_600_000;
  const signed = await rest(on.service, { key }).auth.createTokenRequest({ timestamp, clientId: 'slow' });
  const answer = await on.service.send('POST', `/keys/${signed.keyName}/requestToken`, { body: signed });
  assert.equal(answer.status, 401);
  const { panel } = await story(t, '40104');
  assert.match(await verdict(panel), /Refused with 40104/);
  const clocks = panel.locator('.clocks');
  assert.match(await clocks.textContent(), /3 hrs? behind/);
  assert.match(await clocks.textContent(), /Clock of the service/);
  assert.equal(await clocks.locator('time').count(), 2);
});

test('refused operation shows what the token lacks', async (t) => {
  const { token } = await rest(on.service, { key: other }).auth.requestToken({ clientId: 'reader' });
  const error = await rest(on.service, { token }).channels.get('vault').publish('a', 'b').catch((error) => error);
  assert.equal(error.code, 40160);
  const { panel } = await story(t, '40160');
  assert.match(await verdict(panel), /vault/);
  await panel.getByRole('table', { name: /needs/ }).waitFor();
});

test('granted token request shows the token that was issued', async (t) => {
  await rest(on.service, { key }).auth.requestToken({ clientId: 'issued', ttl: 3_600_000 });
  const { panel } = await story(t, 'issued');
  assert.equal(await panel.locator('.check-failed').count(), 0);
  await see(panel, /Issued:/, 'h3');
  await see(panel, /valid|expires in|left/i, '.life-sentence');
});
