'use strict';

/** Reports that a sandbox cannot be started, or refused an action. */
class SandboxError extends Error {
  name = 'SandboxError';
}

module.exports = { SandboxError };
