// `play.mjs VECTORS`: plays all cases in the runtime that runs this file, and prints the result.

import { readFileSync } from 'node:fs';

import * as api from 'ably-capability';

import { playAll } from './cases.mjs';

const folder = process.argv.at(-1);
const files = ['capabilities.json', 'credentials.json'].map((name) => JSON.parse(readFileSync(`${folder}/${name}`, 'utf8')));
api.signTokenRequest({}, 'app.key:secret');
console.log(JSON.stringify(playAll(api, ...files)));
