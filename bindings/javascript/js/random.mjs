import { invalid } from './error.mjs';

/** Returns random bytes from Web Crypto. */
export function randomBytes(count) {
  const { crypto } = globalThis;
  if (typeof crypto?.getRandomValues !== 'function') throw invalid('missing nonce: this runtime has no Web Crypto; give a `nonce` of random characters');
  return crypto.getRandomValues(new Uint8Array(count));
}
