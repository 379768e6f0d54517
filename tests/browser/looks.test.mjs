// Themes, narrow pages, and axe-core on each view in each of them.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { connect, jwt, rest } from './clients.mjs';
import { eventually, see, stage } from './stage.mjs';

const axe = readFileSync(`${process.env.MODULES}/node_modules/axe-core/axe.min.js`, 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

const on = stage({
  async prepare(service) {
    const client = rest(service, { key: service.key });
    await client.channels.get('chat').publish('greeting', 'hello');
    const signed = await client.auth.createTokenRequest({ timestamp: Date.now() - 3_600_000 });
    await service.send('POST', `/keys/${signed.keyName}/requestToken`, { body: { ...signed, clientId: 'changed' } });
  },
});

const SEQ = /#\/log\/(\d+)/;

// Each view with something to look at, and what is there once it is complete.
const VIEWS = {
  overview: async (page) => see(page, 'Copy puts the real secret into the snippet.'),
  log: async (page) => see(page, 'requestToken'),
  story: async (page) => {
    await page.locator('[data-outcome=refused]').last().click();
    await see(page, 'Request', '.story h3');
    assert.match(page.url(), SEQ);
  },
  inspect: async (page) => {
    await page.getByRole('textbox', { name: 'Credential' }).fill(jwt(on.service.key));
    await see(page, 'This service accepts it.');
    await page.getByLabel('Operation').fill('publish');
    await page.getByLabel('On channel').fill('chat');
    await see(page, /^Yes/, '.answer');
  },
  connections: async (page) => {
    await page.locator('.disclosure').first().click();
    await see(page, 'Attached to');
  },
  act: async (page) => {
    await page.getByRole('button', { name: 'Issue', exact: true }).click();
    await see(page, 'Life', 'h4');
  },
};

async function violations(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate((values) => window.axe.run(document, { runOnly: { type: 'tag', values } }), RULES);
  return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(' | ')}`);
}

for (const [name, settings] of Object.entries({
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  'narrow and light': { colorScheme: 'light', viewport: { width: 320, height: 700 } },
  'narrow and dark': { colorScheme: 'dark', viewport: { width: 320, height: 700 } },
})) {
  test(`axe-core has no complaint: ${name}`, async (t) => {
    const client = await connect(t, on.service, { key: on.service.key, clientId: 'looked-at' });
    await client.channels.get('chat').attach();
    const page = await on.visit(t, 'overview', { ...settings, reducedMotion: 'reduce' });
    for (const [view, complete] of Object.entries(VIEWS)) {
      await page.goto(`${on.service.url}/console#/${view === 'story' ? 'log' : view}`);
      await complete(page);
      assert.deepEqual(await violations(page), [], `${view}, ${name}`);
      const width = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.equal(width, 0, `${view}, ${name}: the page scrolls sideways`);
    }
  });
}

const background = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);

test('theme follows the system until one is chosen', async (t) => {
  const page = await on.visit(t, 'overview', { colorScheme: 'light' });
  const light = await background(page);
  await page.emulateMedia({ colorScheme: 'dark' });
  const dark = await background(page);
  assert.notEqual(dark, light);
  await page.getByRole('button', { name: 'Theme: system' }).click();
  await page.getByRole('button', { name: 'Theme: light' }).waitFor();
  assert.equal(await background(page), light);
  await page.reload();
  await page.getByRole('button', { name: 'Theme: light' }).click();
  await page.emulateMedia({ colorScheme: 'light' });
  await eventually(async () => assert.equal(await background(page), dark));
});
