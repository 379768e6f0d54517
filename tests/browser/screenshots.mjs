// Writes the images of the guide and of the README: node screenshots.mjs, started by `cargo xtask browser --screenshots`.

import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { jwt, parts, rest } from './clients.mjs';
import { Service } from './service.mjs';
import { launch, see } from './stage.mjs';

const FOLDER = fileURLToPath(new URL('../../docs/images/', import.meta.url));
const LARGEST_BYTES = 150 * 1024;

// Names that a reader recognizes, and not those of a new app. The secret protects nothing.
const KEY = 'shop.backend:YW4tZXhhbXBsZS1uby1zZWNyZXQh';
const APPS = {
  appId: 'shop',
  keys: [
    { id: 'backend', secret: parts(KEY).secret, revocableTokens: true },
    { id: 'kiosk', secret: 'an-example-not-a-secret', capability: '{"chat:*":["subscribe"],"news":["history","subscribe"]}' },
  ],
};

const folder = mkdtempSync(join(tmpdir(), 'screenshots-'));
const apps = join(folder, 'apps.json');
writeFileSync(apps, JSON.stringify(APPS), { mode: 0o600 });
mkdirSync(FOLDER, { recursive: true });
const [service, browser] = await Promise.all([Service.start({ options: ['--apps', apps] }), launch()]);
try {
  await fill();
  for (const colorScheme of ['light', 'dark']) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme, locale: 'en-GB', reducedMotion: 'reduce' });
    const page = await context.newPage();
    for (const [name, compose] of Object.entries({ overview, log, inspect })) {
      await page.goto(`${service.url}/console#/${name}`);
      await compose(page);
      await page.mouse.move(0, 0);
      const path = `${FOLDER}console-${name}-${colorScheme}.png`;
      await page.screenshot({ path, animations: 'disabled', caret: 'hide' });
      const { size } = statSync(path);
      console.log(`${path}: ${size} bytes`);
      if (size > LARGEST_BYTES) throw new Error(`${path} is larger than ${LARGEST_BYTES} bytes; show less`);
    }
    await context.close();
  }
} finally {
  await browser.close();
  await service.stop();
  rmSync(folder, { recursive: true });
}

// Sends what an app in development sends, with mistakes of several kinds.
async function fill() {
  const client = rest(service, { key: KEY });
  const publish = (options) => rest(service, options).channels.get('chat').publish('greeting', 'hello').catch(() => {});
  await publish({ key: KEY, clientId: 'ann' });
  const slow = await client.auth.createTokenRequest({ timestamp: Date.now() - 7_500_000 });
  await service.send('POST', `/keys/${slow.keyName}/requestToken`, { body: slow });
  const once = await client.auth.createTokenRequest({ clientId: 'ann' });
  for (let time = 0; time < 2; time += 1) await service.send('POST', `/keys/${once.keyName}/requestToken`, { body: once });
  await publish({ key: 'shop.kiosk:an-example-not-a-secret' });
  await publish({ token: jwt(KEY, { secret: Buffer.from(parts(KEY).secret, 'base64') }) });
}

async function overview(page) {
  await see(page, 'Copy puts the real secret into the snippet.');
}

async function log(page) {
  await page.locator('.grid-body [role=row]').filter({ hasText: '40144' }).last().click();
  await see(page, 'Cause', '.cause-kind');
}

async function inspect(page) {
  const capability = '{"chat:*":["publish","subscribe"],"news":["subscribe"]}';
  await page.getByRole('textbox', { name: 'Credential' }).fill(jwt(KEY, { claims: { 'x-ably-capability': capability } }));
  await page.getByLabel('Operation').fill('history');
  await page.getByLabel('On channel').fill('chat:lobby');
  await see(page, /^No/, '.answer');
}
