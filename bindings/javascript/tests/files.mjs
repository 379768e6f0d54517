// The files of the project that the tests read.

import { readFileSync } from 'node:fs';

const read = (name) => JSON.parse(readFileSync(`${process.env.VECTORS}/${name}`, 'utf8'));

export const capabilities = read('capabilities.json');
export const credentials = read('credentials.json');
// A key from Ably's documentation.
export const KEY = 'I2E_JQ.OqUdfg:EVKVTCBlzLBPYJiCZTsIW_pqylJ9WVRB5K9P19Ap1y0';
export const SECRET = KEY.split(':')[1];
