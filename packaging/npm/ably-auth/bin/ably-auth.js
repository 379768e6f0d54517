#!/usr/bin/env node
// Runs the program with the same arguments, input and output, and ends with its exit status.
'use strict';

const { spawn } = require('node:child_process');
const { constants } = require('node:os');
const { programPath } = require('../lib/program.js');

let program;
try {
  program = programPath();
} catch (error) {
  console.error(`error: ${error.message}`);
  process.exit(2);
}
// npm puts the program on the PATH of its scripts only, so a command that a reader copies has to begin with npx.
const isRunByNpm = process.env.npm_config_user_agent?.startsWith('npm/');
const env = isRunByNpm ? { ABLY_AUTH_COMMAND: 'npx ably-auth', ...process.env } : process.env;
const child = spawn(program, process.argv.slice(2), { stdio: 'inherit', env });
// Ctrl-C reaches both processes; the program decides when it ends.
process.on('SIGINT', () => {});
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
// npx may be killed alone. Its script would wait for this process, and a service would go on.
const parent = process.ppid;
setInterval(() => process.ppid !== parent && child.kill('SIGTERM'), 500).unref();
child.on('error', (error) => {
  console.error(`error: ${program} cannot be started: ${error.message}`);
  process.exit(2);
});
child.on('exit', (status, signal) => process.exit(status ?? 128 + constants.signals[signal]));
