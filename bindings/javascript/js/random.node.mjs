import { webcrypto } from 'node:crypto';

/** Returns random bytes from Web Crypto, which Node 18 has only in this module. */
export function randomBytes(count) {
  return webcrypto.getRandomValues(new Uint8Array(count));
}
