// The error of every function, and the conversion of the module's errors.

const INVALID_PARAMETER = 40003;
const INTERNAL = 50000;

/** An invalid input, a refused credential, or a failure of the module. */
export class AblyAuthError extends Error {
  constructor({ code, message, place, resource }, options) {
    super(message, options);
    this.code = code;
    // As for every code of Ably, the first three digits.
    this.statusCode = Math.trunc(code / 100);
    this.href = `https://help.ably.io/error/${code}`;
    if (place !== undefined) this.place = place;
    if (resource !== undefined) this.resource = resource;
  }

  get name() {
    return 'AblyAuthError';
  }
}

/** Returns the error for an argument of a wrong type. The message never shows the argument, which may be a key. */
export function invalid(message, code = INVALID_PARAMETER) {
  return new AblyAuthError({ code, message });
}

/** Returns the error for anything that the module has thrown: the JSON of an error, or a trap. */
export function failure(thrown) {
  if (thrown instanceof AblyAuthError) return thrown;
  if (typeof thrown === 'string') return new AblyAuthError(JSON.parse(thrown));
  const message = 'the module stopped: the input is too large, or the module has a bug; give a smaller input, or report the bug';
  return new AblyAuthError({ code: INTERNAL, message }, { cause: thrown });
}

/** Calls the module, and converts its errors. */
export function attempt(work) {
  try {
    return work();
  } catch (thrown) {
    throw failure(thrown);
  }
}
