import { text } from './check.mjs';
import { attempt, invalid } from './error.mjs';
import { SigningKey } from './module.mjs';

let signingKeyOf;

/** An API key. Its secret cannot be read, and is never printed. */
export class Key {
  #signing;

  static {
    signingKeyOf = (key) => (typeof key === 'object' && key !== null && #signing in key ? key.#signing : undefined);
  }

  constructor(signing) {
    if (!(signing instanceof SigningKey)) throw invalid('invalid argument of `new Key`; use `parseKey`');
    this.#signing = signing;
    this.keyName = signing.name();
    [this.appId, this.keyId] = this.keyName.split('.');
    Object.freeze(this);
  }

  toString() {
    return `${this.keyName}:[redacted]`;
  }

  [Symbol.for('nodejs.util.inspect.custom')]() {
    return `Key ${this}`;
  }
}

function parse(value) {
  const written = text(value, 'key');
  return attempt(() => SigningKey.parse(written));
}

export function parseKey(value) {
  return new Key(parse(value));
}

/** Calls `work` with the module's key of a `Key` or of a text. The secret of a text is wiped afterwards. */
export function useKey(key, work) {
  const known = signingKeyOf(key);
  if (known) return attempt(() => work(known));
  const signing = parse(key);
  try {
    return attempt(() => work(signing));
  } finally {
    signing.free();
  }
}
