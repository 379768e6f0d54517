// The inspector: any credential that is pasted, questions about it, and the intersection of two capabilities.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { jwt, parts, rest } from './clients.mjs';
import { see, stage } from './stage.mjs';

const on = stage();

async function paste(page, text) {
  await page.getByRole('textbox', { name: 'Credential' }).fill(text);
  return page.locator('.inspector-result').first();
}

test('JWT is decoded while it is pasted', async (t) => {
  const page = await on.visit(t, 'inspect');
  await see(page, 'Paste a credential');
  const result = await paste(page, `Authorization: Bearer ${jwt(on.service.key, { claims: { 'x-ably-clientId': 'ann' } })}`);
  await see(result, 'JWT', 'h2');
  await see(result, 'ann');
  await see(result, /Valid for 1 hr|Valid for 59 min/);
  await see(result, 'This service accepts it.');
});

test('wrong JWT says what is wrong with it', async (t) => {
  const page = await on.visit(t, 'inspect');
  const secret = Buffer.from(parts(on.service.key).secret, 'base64');
  const result = await paste(page, jwt(on.service.key, { secret }));
  await see(result, /This service refuses it with 40144/);
  await paste(page, jwt(on.service.key, { claims: { 'x-ably-capability': { chat: ['*'] } } }));
  await see(result, /x-ably-capability/);
});

test('token of this service is opened', async (t) => {
  const { token } = await rest(on.service, { key: on.service.key }).auth.requestToken({ clientId: 'native' });
  const page = await on.visit(t, 'inspect');
  const result = await paste(page, token);
  await see(result, 'This service accepts it.');
  await see(result, 'native');
});

test('key, token request and nonsense are recognized', async (t) => {
  const page = await on.visit(t, 'inspect');
  const result = await paste(page, on.service.key);
  await see(result, parts(on.service.key).name);
  assert.ok(!(await result.textContent()).includes(parts(on.service.key).secret), 'the inspector shows the secret');
  const signed = await rest(on.service, { key: on.service.key }).auth.createTokenRequest({ clientId: 'asking' });
  await paste(page, JSON.stringify(signed));
  await see(result, 'asking');
  await paste(page, 'hello');
  await see(result, /not recognized/i);
});

test('asks what a capability permits', async (t) => {
  const page = await on.visit(t, 'inspect');
  await paste(page, '{"chat:*":["publish"]}');
  await page.getByLabel('Operation').fill('publish');
  await page.getByLabel('On channel').fill('chat:lobby');
  await see(page, /^Yes: /, '.answer');
  await page.getByLabel('Operation').fill('history');
  await see(page, /^No: .*history/, '.answer');
});

test('intersection is computed while two capabilities are typed', async (t) => {
  const page = await on.visit(t, 'inspect');
  await page.getByLabel('Capability of the key').fill('{"chat:*":["publish","subscribe"]}');
  await page.getByLabel('Capability asked for').fill('{"chat:lobby":["publish","history"]}');
  await see(page, '{"chat:lobby":["publish"]}');
  await page.getByLabel('Capability asked for').fill('{"news":["publish"]}');
  await see(page, /permit nothing/);
});

test('wrong capability says which and where', async (t) => {
  const page = await on.visit(t, 'inspect', { forgives: /400/ });
  await page.getByLabel('Capability asked for').fill('{chat}');
  const alert = page.getByRole('alert');
  await alert.waitFor();
  assert.match(await alert.textContent(), /\bb\b.*byte 1/s);
});

test('pasted credential is in no address and not in the log', async (t) => {
  const page = await on.visit(t, 'inspect');
  const token = jwt(on.service.key, { claims: { 'x-ably-clientId': 'nobody-logs-me' } });
  await see(await paste(page, token), 'nobody-logs-me');
  assert.ok(!page.url().includes(token.slice(0, 20)));
  await page.getByRole('link', { name: 'Log' }).click();
  await see(page, 'Live');
  assert.ok(!(await page.locator('.grid').textContent()).includes('nobody-logs-me'));
});
