import { fields, json, text } from './check.mjs';
import { attempt, failure, invalid } from './error.mjs';
import { Rights } from './module.mjs';

const INVALID_CAPABILITY = 40000;

/** The operations that are permitted on channels. */
export class Capability {
  #rights;
  #text;

  constructor(rights) {
    if (!(rights instanceof Rights)) throw invalid('invalid argument of `new Capability`; use `Capability.parse`');
    this.#rights = rights;
    Object.freeze(this);
  }

  static parse(value, options) {
    const isLenient = fields(options ?? {}, 'options', ['lenient']).lenient === true;
    if (typeof value === 'object' && value !== null && #rights in value) return value;
    if (Array.isArray(value)) throw invalid('invalid capability: not an object; a capability has the form {"channel":["operation"]}', INVALID_CAPABILITY);
    const written = json(value, 'capability');
    return new Capability(attempt(() => Rights.parse(written, isLenient)));
  }

  permits(operation, channel) {
    // Not in `check.mjs` and `attempt`: this is called for every message.
    if (typeof operation !== 'string') text(operation, 'operation');
    if (typeof channel !== 'string') text(channel, 'channel');
    try {
      return this.#rights.permits(operation, channel);
    } catch (thrown) {
      throw failure(thrown);
    }
  }

  covers(other) {
    const rights = Capability.parse(other).#rights;
    return attempt(() => this.#rights.covers(rights));
  }

  equivalent(other) {
    const rights = Capability.parse(other).#rights;
    return attempt(() => this.#rights.equivalent(rights));
  }

  intersect(other) {
    const rights = Capability.parse(other).#rights;
    return new Capability(attempt(() => this.#rights.intersect(rights)));
  }

  union(other) {
    const rights = Capability.parse(other).#rights;
    return new Capability(attempt(() => this.#rights.union(rights)));
  }

  minimal() {
    return new Capability(attempt(() => this.#rights.minimal()));
  }

  explain(operation, channel) {
    text(operation, 'operation');
    text(channel, 'channel');
    return JSON.parse(attempt(() => this.#rights.explain(operation, channel)));
  }

  get isEmpty() {
    return this.toString() === '{}';
  }

  toString() {
    return (this.#text ??= attempt(() => this.#rights.text()));
  }

  toJSON() {
    return JSON.parse(this.toString());
  }

  [Symbol.for('nodejs.util.inspect.custom')]() {
    return `Capability ${this}`;
  }
}

/** Returns the canonical text of an optional capability. */
export function capabilityText(value) {
  return value === undefined || value === null ? undefined : Capability.parse(value).toString();
}
