// Where the program is: in the package for this platform, or where ABLY_AUTH_PROGRAM says.
'use strict';

/** Returns the path of the `ably-auth` program. */
function programPath() {
  if (process.env.ABLY_AUTH_PROGRAM) return process.env.ABLY_AUTH_PROGRAM;
  const name = `ably-auth-${process.platform}-${process.arch}`;
  try {
    return require.resolve(`${name}/bin/ably-auth`);
  } catch {
    throw new Error(
      `the npm package \`${name}\` is not installed: install again without \`--omit=optional\`, or, if there is no such ` +
        'package for this platform, build ably-auth with Rust and set ABLY_AUTH_PROGRAM to the path of the program',
    );
  }
}

module.exports = { programPath };
