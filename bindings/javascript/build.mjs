// Builds `dist/` from `js/` and the files that wasm-bindgen has written to `build/`, and prints the sizes.
//
// Each file of `dist/` has the module in it, as base64 of its compressed bytes. Only `edge.mjs` imports the module as a file, because
// edge runtimes do not compile bytes.

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';

import zopfli from '@gfx/zopfli';
import { build } from 'esbuild';

import { inflate } from './js/inflate.mjs';

const deflate = promisify(zopfli.deflate);
const MODULE = 'build/raw_bg.wasm';
// Those that Rust uses by default. The oldest supported runtimes have them.
const FEATURES = ['bulk-memory', 'multivalue', 'mutable-globals', 'nontrapping-float-to-int', 'reference-types', 'sign-ext'].map((name) => `--enable-${name}`);
// The limit for the files that one runtime loads, compressed.
const MAX_GZIP_BYTES = 60 * 1024;

/** Loads the variants for Node, which has synchronous decompression, and Node 18 no global Web Crypto. */
const node = {
  name: 'node',
  setup({ onResolve }) {
    onResolve({ filter: /\/(inflate|random)\.mjs$/ }, ({ path }) => ({ path: resolve('js', path).replace('.mjs', '.node.mjs') }));
  },
};
/** Puts the module into the code, compressed. */
const inlined = {
  name: 'inlined',
  setup({ onLoad }) {
    onLoad({ filter: /\.wasm$/ }, async ({ path }) => {
      const bytes = readFileSync(path);
      // Zopfli compresses 5 % better than zlib.
      const base64 = Buffer.from(await deflate(bytes, { numiterations: 15 })).toString('base64');
      if (!bytes.equals(inflate(base64, bytes.length))) throw new Error('`inflate.mjs` cannot decompress the module; correct it');
      const contents = `import { inflate } from './inflate.mjs';\nexport default inflate('${base64}', ${bytes.length});`;
      return { contents, resolveDir: resolve('js') };
    });
  },
};
const imported = {
  name: 'imported',
  setup({ onResolve }) {
    onResolve({ filter: /\.wasm$/ }, () => ({ path: './ably_capability.wasm', external: true }));
  },
};

const VARIANTS = [
  { file: 'index.mjs', format: 'esm', plugins: [inlined] },
  { file: 'index.cjs', format: 'cjs', plugins: [inlined] },
  { file: 'node.mjs', format: 'esm', plugins: [node, inlined] },
  { file: 'node.cjs', format: 'cjs', plugins: [node, inlined] },
  { file: 'edge.mjs', format: 'esm', plugins: [imported], also: ['ably_capability.wasm'] },
];

rmSync('dist', { recursive: true, force: true });
mkdirSync('dist');
execFileSync(process.execPath, ['node_modules/binaryen/bin/wasm-opt', '-Oz', ...FEATURES, MODULE, '-o', 'build/small.wasm'], { stdio: 'inherit' });
copyFileSync('build/small.wasm', MODULE);
copyFileSync(MODULE, 'dist/ably_capability.wasm');
for (const types of ['index.d.mts', 'index.d.cts']) copyFileSync('js/index.d.ts', `dist/${types}`);

for (const { file, format, plugins, also = [] } of VARIANTS) {
  await build({
    entryPoints: ['js/index.mjs'],
    outfile: `dist/${file}`,
    format,
    plugins,
    bundle: true,
    platform: 'neutral',
    external: ['node:*'],
    target: ['es2022'],
    // Not `minify`: Node prints the line of an uncaught error, which must not be the whole file.
    minifySyntax: true,
    legalComments: 'none',
    logLevel: 'warning',
  });
  const sizes = [file, ...also].map((name) => gzipSync(readFileSync(`dist/${name}`), { level: 9 }).length);
  const total = sizes.reduce((sum, size) => sum + size);
  console.log(`${[file, ...also].join(' + ')}: ${(total / 1024).toFixed(1)} KiB gzip`);
  if (total > MAX_GZIP_BYTES) {
    console.error(`error: \`${file}\` is larger than ${MAX_GZIP_BYTES / 1024} KiB; make the module smaller`);
    process.exit(1);
  }
}
