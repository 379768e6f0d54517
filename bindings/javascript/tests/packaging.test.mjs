// The package as installed: its files, both module systems, and its types.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';

import * as esm from 'ably-capability';

const require = createRequire(import.meta.url);
const cjs = require('ably-capability');
const FOLDER = 'node_modules/ably-capability';
const TSC = 'node_modules/typescript/bin/tsc';

test('package has only the files that users need', () => {
  assert.deepEqual(readdirSync(FOLDER).sort(), ['LICENSE-APACHE', 'LICENSE-MIT', 'README.md', 'dist', 'package.json']);
  const variants = ['index.cjs', 'index.d.cts', 'index.d.mts', 'index.mjs', 'node.cjs', 'node.mjs'];
  assert.deepEqual(readdirSync(`${FOLDER}/dist`).sort(), ['ably_capability.wasm', 'edge.mjs', ...variants]);
  const { dependencies, scripts } = require('ably-capability/package.json');
  assert.deepEqual([dependencies, scripts], [undefined, undefined]);
});

test('require and import export the same names, and their values work together', () => {
  assert.deepEqual(Object.keys(cjs).sort(), Object.keys(esm).sort());
  assert.notEqual(cjs.Capability, esm.Capability);
  const [one, other] = [cjs.Capability.parse({ a: ['publish'] }), esm.Capability.parse({ '*': ['*'] })];
  assert.ok(other.covers(one) && !one.covers(other));
});

test('every exported name has a type, and every type is exported', () => {
  const declared = readFileSync(`${FOLDER}/dist/index.d.mts`, 'utf8').matchAll(/^export (?:class|function) (\w+)/gm);
  assert.deepEqual([...new Set(Array.from(declared, ([, name]) => name))].sort(), Object.keys(esm).sort());
});

for (const [module, file] of [['nodenext', 'types.mts'], ['nodenext', 'types.cts'], ['preserve', 'types.mts']]) {
  test(`${file} is accepted with --module ${module}`, () => {
    const resolution = module === 'preserve' ? 'bundler' : 'nodenext';
    const args = [TSC, '--noEmit', '--strict', '--target', 'es2022', '--module', module, '--moduleResolution', resolution, '--types', 'node', file];
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    assert.equal(status, 0, stdout);
  });
}

test('uncaught error prints no line of the module', () => {
  const program = "import('ably-capability').then(({ Capability }) => Capability.parse('{'))";
  const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  assert.match(stderr, /AblyAuthError: /);
  assert.ok(stderr.length < 3000, stderr.slice(0, 3000));
});

test('import has no side effects that a program could see', () => {
  const program = "const before = Object.keys(globalThis).length; await import('ably-capability'); process.exitCode = Object.keys(globalThis).length - before;";
  execFileSync(process.execPath, ['--input-type=module', '-e', program]);
});
