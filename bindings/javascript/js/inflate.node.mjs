import { Buffer } from 'node:buffer';
import { inflateRawSync } from 'node:zlib';

/** Returns the decompressed bytes. */
export function inflate(base64) {
  return inflateRawSync(Buffer.from(base64, 'base64'));
}
