// Ten thousand rows: the page stays small, smooth, and where it was scrolled to.

import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';

import { eventually, stage } from './stage.mjs';

const ROWS = 10_000;
const SOCKETS = 8;
const get = (agent, url) =>
  new Promise((resolve, reject) => {
    http.get(url, { agent }, (answer) => answer.resume().once('end', resolve)).once('error', reject);
  });

const on = stage({
  async prepare({ url }) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: SOCKETS });
    let left = ROWS;
    const send = async () => {
      while (left-- > 0) await get(agent, `${url}/time`);
    };
    await Promise.all(Array.from({ length: SOCKETS }, send));
    agent.destroy();
  },
});

const position = (page) =>
  page.getByRole('grid').evaluate((grid) => ({ top: grid.scrollTop, end: grid.scrollHeight - grid.clientHeight - grid.scrollTop }));
const seqs = (page) => page.locator('.grid-body [role=row]').evaluateAll((rows) => rows.map((row) => Number(row.dataset.seq)));

test('list of ten thousand rows scrolls without jumps', async (t) => {
  const page = await on.visit(t, 'log');
  const grid = page.getByRole('grid');
  await grid.locator('[role=row]').nth(1).waitFor();
  await page.evaluate(() => {
    window.shifts = [];
    new PerformanceObserver((list) => window.shifts.push(...list.getEntries().map((entry) => entry.value))).observe({ type: 'layout-shift', buffered: true });
  });
  await grid.focus();
  // Each step reads an older page, until all are there.
  await eventually(async () => {
    await page.keyboard.press('Home');
    assert.equal((await seqs(page))[0], 1);
  });
  assert.ok(Number(await grid.getAttribute('aria-rowcount')) >= ROWS);
  const { height, wheels } = await grid.evaluate((element) => ({ height: element.scrollHeight, wheels: 20 }));
  await grid.hover();
  for (let wheel = 0; wheel < wheels; wheel += 1) {
    await page.mouse.wheel(0, height / wheels);
    const shown = await page.locator('.grid-body [role=row]').count();
    assert.ok(shown < 100, `${shown} rows are elements`);
  }
  await page.keyboard.press('End');
  await eventually(async () => assert.ok((await position(page)).end < 2));
  assert.equal((await seqs(page)).sort((a, b) => b - a)[0], await newestSeq());
  await page.keyboard.press('Home');
  await eventually(async () => assert.equal((await position(page)).top, 0));
  assert.deepEqual(await page.evaluate(() => window.shifts), [], 'the layout jumped');
});

async function newestSeq() {
  const answer = await fetch(`${on.service.url}/console/api/log?limit=1`);
  return (await answer.json()).last;
}

test('rows that arrive do not move a list that was scrolled away', async (t) => {
  const page = await on.visit(t, 'log');
  const grid = page.getByRole('grid');
  await grid.locator('[role=row]').nth(1).waitFor();
  await grid.hover();
  await page.mouse.wheel(0, -3000);
  const button = page.getByRole('button', { name: /Newest|new row/ });
  await button.waitFor();
  const before = await position(page);
  await on.service.send('GET', '/time');
  await page.getByRole('button', { name: /1 new row/ }).waitFor();
  assert.equal((await position(page)).top, before.top);
  await button.click();
  await eventually(async () => assert.ok((await position(page)).end < 2));
});
