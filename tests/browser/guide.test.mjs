// The curl lines of `docs/console.md`, on a service with the app of that page.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { Service } from './service.mjs';

const PAGE = new URL('../../docs/console.md', import.meta.url);
const ADDRESS = 'http://127.0.0.1:8484';

// Returns the commands of the console blocks with the lines that they print.
function commands(page) {
  const blocks = [...page.matchAll(/```console\n(.*?)```/gs)].map(([, block]) => block);
  return blocks.flatMap((block) => block.split(/^\$ /m).slice(1)).map((example) => {
    const [command, ...lines] = example.trimEnd().split('\n');
    return { command, printed: lines.join('\n') };
  });
}

// Returns a pattern for a text in which `…` stands for anything.
const patternOf = (text) => new RegExp(`^${text.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*')}$`, 's');

test('curl lines of the guide print what it says', async (t) => {
  const all = commands(readFileSync(PAGE, 'utf8'));
  const [, apps] = /echo '(.*)' > apps.json/.exec(all[0].command);
  const folder = mkdtempSync(join(tmpdir(), 'console-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'apps.json');
  writeFileSync(file, apps);
  chmodSync(file, 0o600);
  const service = await Service.start({ options: ['--apps', file] });
  t.after(() => service.stop());
  const curls = all.filter(({ command }) => command.startsWith('curl '));
  assert.ok(curls.length >= 5, `only ${curls.length} curl lines were found`);
  for (const { command, printed } of curls) {
    const line = command.replace('curl ', 'curl -sS ').replaceAll(ADDRESS, service.url);
    const { stdout } = await promisify(execFile)('sh', ['-c', line]);
    assert.match(stdout.trimEnd(), patternOf(printed), command);
  }
});
