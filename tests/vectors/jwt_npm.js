// Writes JWTs that npm's jsonwebtoken mints, JWTs that must be refused, and the text that our crate mints from the same
// claims, after jsonwebtoken has accepted it. jwt_pypi.py adds PyJWT's part; `cargo xtask vectors` runs both.
'use strict';

const crypto = require('node:crypto');
const jsonwebtoken = require('jsonwebtoken');

const SOURCE = `jsonwebtoken npm ${require('jsonwebtoken/package.json').version}`;
const KEYS = ['I2E_JQ.OqUdfg:EVKVTCBlzLBPYJiCZTsIW_pqylJ9WVRB5K9P19Ap1y0', 'app-1.key_2:s'];
const IAT = 1449746287;

// Names and values in the order in which our crate writes them; claims of one kind in alphabetical order.
const CLAIMS = {
  plain: { iat: IAT, exp: IAT + 3600 },
  'one second': { iat: 1, exp: 2 },
  'a day, from later on': { iat: IAT, exp: IAT + 86400, nbf: IAT + 60 },
  capability: { iat: IAT, exp: IAT + 60, 'x-ably-capability': '{"chat:*":["publish","subscribe"],"status":["subscribe"]}' },
  'client id': { iat: IAT, exp: IAT + 60, 'x-ably-clientId': 'bob' },
  'any client id': { iat: IAT, exp: IAT + 60, 'x-ably-clientId': '*' },
  'far from ASCII': {
    iat: IAT,
    exp: IAT + 60,
    'x-ably-capability': '{"čau:€":["*"],"\\"quoted\\\\":["history"]}',
    'x-ably-clientId': 'žofie 🦀 "z" \\ / </script>',
    'x-ably-revocation-key': 'tab\tline\nbell\u0007 del\u007f sep\u2028',
  },
  all: {
    iat: IAT,
    exp: IAT + 60,
    nbf: IAT,
    'x-ably-capability': '{"*":["*"]}',
    'x-ably-clientId': 'bob',
    'x-ably-revocation-key': 'group1',
    'x-ably-token': 'xVLyHw.Dtxd9tuz-EA_B',
    'ably.channel.*': 'guest',
    'ably.channel.chat:1': 'admin',
    'ably.limits.publish.perAttachment.maxRate.*': 0,
    'ably.limits.publish.perAttachment.maxRate.chat:1': 10,
    level: -3,
    roles: ['a', { b: [null, true, 1.5e-3] }],
    sub: 'user "42"',
  },
};
for (const length of [0, 1, 2, 3, 150, 151, 152, 600, 5000]) {
  CLAIMS[`${length} more characters`] = { iat: IAT, exp: IAT + 60, more: 'x'.repeat(length) };
}

const split = (key) => key.split(/:(.*)/s);
const part = (object) => Buffer.from(JSON.stringify(object)).toString('base64url');

const foreign = [];
const ours = [];
for (const key of KEYS) {
  const [kid, secret] = split(key);
  for (const [name, claims] of Object.entries(CLAIMS)) {
    const jwt = jsonwebtoken.sign(claims, secret, { algorithm: 'HS256', keyid: kid });
    foreign.push({ id: `${SOURCE}: ${kid}: ${name}`, key, claims, jwt });

    const signed = `${part({ typ: 'JWT', alg: 'HS256', kid })}.${part(claims)}`;
    const own = `${signed}.${crypto.createHmac('sha256', secret).update(signed).digest('base64url')}`;
    const clock = { algorithms: ['HS256'], clockTimestamp: claims.nbf ?? claims.iat, complete: true };
    const read = jsonwebtoken.verify(own, secret, clock);
    if (JSON.stringify(read.payload) !== JSON.stringify(claims) || read.header.kid !== kid) {
      throw new Error(`${SOURCE} reads something else: ${name}`);
    }
    ours.push({ id: `${kid}: ${name}`, key, claims, jwt: own, acceptedBy: [SOURCE] });
  }
}

const refused = [];
const [kid, secret] = split(KEYS[0]);
const { privateKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
const { privateKey: curveKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
const signers = { none: '', HS384: secret, HS512: secret, RS256: privateKey, PS256: privateKey, ES256: curveKey };
for (const [algorithm, signer] of Object.entries(signers)) {
  const jwt = jsonwebtoken.sign(CLAIMS.plain, signer, { algorithm, keyid: kid });
  refused.push({ id: `${SOURCE}: ${algorithm}`, key: KEYS[0], alg: algorithm, jwt });
}

process.stdout.write(JSON.stringify({ sources: [SOURCE], foreign, ours, refused }));
