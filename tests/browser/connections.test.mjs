// Realtime connections: what they may do and for how long, and their end.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { connect, rest } from './clients.mjs';
import { see, stage } from './stage.mjs';

let revocable;
const on = stage({
  async prepare(service) {
    [revocable] = await service.createApp({ keys: [{ revocableTokens: true }] });
  },
});

// Connects with a token for a clientId, and returns the client.
async function connected(t, clientId, key = revocable) {
  const { token } = await rest(on.service, { key }).auth.requestToken({ clientId });
  return connect(t, on.service, { token });
}

// Returns the row of a client's connection.
async function rowOf(page, clientId) {
  const row = page.locator('table.connections tbody').filter({ hasText: clientId });
  await row.waitFor();
  return row;
}

test('connection appears and leaves without a reload', async (t) => {
  const page = await on.visit(t, 'connections');
  await see(page, 'No open connections');
  const client = await connected(t, 'visitor');
  const row = await rowOf(page, 'visitor');
  assert.match(await row.textContent(), /token/);
  client.close();
  await row.waitFor({ state: 'detached' });
});

test('details show channels, presence, life and capability', async (t) => {
  const client = await connected(t, 'present');
  const channel = client.channels.get('chat:lobby');
  await channel.presence.enter('here');
  const page = await on.visit(t, 'connections');
  const row = await rowOf(page, 'present');
  await row.getByRole('button', { name: client.connection.id }).click();
  await see(row, /Attached to\s*chat:lobby/, 'div');
  await see(row, /Present on\s*chat:lobby/, 'div');
  await see(row, /^Valid for/, '.life-sentence');
  await row.getByRole('table', { name: /Capability/ }).waitFor();
});

test('connection is ended after a question', async (t) => {
  const client = await connected(t, 'ended');
  const page = await on.visit(t, 'connections');
  const row = await rowOf(page, 'ended');
  const left = client.connection.whenState('disconnected');
  await row.getByRole('button', { name: 'End' }).click();
  await row.getByRole('button', { name: 'Cancel' }).click();
  assert.equal(client.connection.state, 'connected');
  await row.getByRole('button', { name: 'End' }).click();
  await row.getByRole('group').getByRole('button', { name: 'End' }).click();
  await left;
});

test('token of a connection is revoked', async (t) => {
  const client = await connected(t, 'revoked');
  const page = await on.visit(t, 'connections');
  const row = await rowOf(page, 'revoked');
  const failed = client.connection.whenState('failed');
  await row.getByRole('button', { name: 'Revoke' }).click();
  await row.getByRole('group').getByRole('button', { name: 'Revoke' }).click();
  await failed;
  await row.waitFor({ state: 'detached' });
});

test('token that cannot be revoked says why', async (t) => {
  await connected(t, 'irrevocable', on.service.key);
  const page = await on.visit(t, 'connections', { forgives: /40\d/ });
  const row = await rowOf(page, 'irrevocable');
  await row.getByRole('button', { name: 'Revoke' }).click();
  await row.getByRole('group').getByRole('button', { name: 'Revoke' }).click();
  const alert = page.getByRole('alert');
  await alert.waitFor();
  assert.match(await alert.textContent(), /revoca/);
  await row.waitFor();
});
