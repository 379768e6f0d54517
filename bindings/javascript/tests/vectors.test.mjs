// The cases of `tests/vectors`, whose expected values do not come from this package or from ably-auth-core.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as api from 'ably-capability';

import { failure, plays } from './cases.mjs';
import { capabilities, credentials } from './files.mjs';

const played = plays(api);
let count = 0;

for (const [list, cases] of [...Object.entries(capabilities), ...Object.entries(credentials)]) {
  if (list === 'about') continue;
  count += cases.length;
  test(`${list}: ${cases.length} cases`, () => {
    for (const [at, is] of cases.entries()) assert.equal(failure(played[list], is), undefined, `${list} ${at}`);
  });
}

test('the files have at least 300 cases', () => assert.ok(count >= 300, `${count}`));
