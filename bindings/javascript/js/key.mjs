import { text } from './check.mjs';
import { attempt, invalid } from './error.mjs';
import { SigningKey } from './module.mjs';

let signingKeyOf;

/** An API key. Its secret cannot be read, and is never printed. */
export class Key {
  #signing;

  static {
    signingKeyOf = (key) => key.#signing;
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

export function parseKey(value) {
  const written = text(value, 'key');
  return new Key(attempt(() => SigningKey.parse(written)));
}

/** Returns the module's key of a `Key` or of a text. */
export function signingKey(key) {
  return signingKeyOf(key instanceof Key ? key : parseKey(key));
}
