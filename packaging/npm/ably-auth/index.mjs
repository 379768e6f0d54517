export { Sandbox, SandboxError, startSandbox } from './lib/sandbox.js';
export { programPath } from './lib/program.js';
