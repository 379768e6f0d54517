// The process of a sandbox, which ends with this one.
'use strict';

const { spawn } = require('node:child_process');
const { SandboxError } = require('./error.js');
const { programPath } = require('./program.js');

/** The characters of the newest log lines that an error shows. */
const LOG_LENGTH = 4096;
/** The milliseconds that a sandbox has to finish its requests before it is killed. */
const STOP_TIMEOUT_MS = 5000;

/**
 * Starts a sandbox. Resolves with its process and with the object that it prints: its address and its key.
 * The process ends when its stdin ends, so it does not outlive this one. It does not keep this process alive.
 */
function start({ args, timeoutMs, signal }) {
  const all = ['serve', '--sandbox', '--json', '--until-stdin-ends', '--listen', '127.0.0.1:0', ...args];
  const program = programPath();
  const child = spawn(program, all, { stdio: ['pipe', 'pipe', 'pipe'], env: environment() });
  const log = newest(child.stderr);
  return new Promise((resolve, reject) => {
    const fail = (error) => {
      finish();
      // Without a process, `kill` would end the group of this one.
      if (child.pid) child.kill('SIGKILL');
      reject(error);
    };
    const logged = (problem) => new SandboxError(problem + (log.text ? `; it logged:\n${log.text}` : ''));
    const abort = () => fail(signal.reason);
    const ended = (status, name) => fail(logged(`the sandbox ended at its start, with ${name ?? `status ${status}`}`));
    const timer = setTimeout(() => fail(logged(`the sandbox printed no address within ${timeoutMs} ms`)), timeoutMs);
    const finish = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      child.removeListener('exit', ended);
      child.stdout.removeListener('data', read);
      child.stdout.resume();
    };
    let printed = '';
    const read = (text) => {
      printed += text;
      if (!printed.includes('\n')) return;
      const started = parse(printed.slice(0, printed.indexOf('\n')));
      if (!started) return fail(new SandboxError(`${program} is not the program ably-auth, or has another version`));
      if (started.error) return fail(new SandboxError(started.error.message));
      finish();
      for (const open of [child, child.stdin, child.stdout, child.stderr]) open.unref();
      resolve({ child, started });
    };
    child.on('error', (error) => fail(new SandboxError(`the sandbox cannot be started: ${error.message}`)));
    child.on('exit', ended);
    child.stdout.setEncoding('utf8').on('data', read);
    // The program may end before this process closes its input.
    child.stdin.on('error', () => {});
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort);
  });
}

/** Stops the process, and resolves when it has ended. */
function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.ref();
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    child.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
    child.stdin.end();
  });
}

/** Parses the object that the program prints: its address, or an error. */
function parse(line) {
  try {
    const started = JSON.parse(line);
    return started.url || started.error ? started : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the environment without the variables that configure a service: the options of a sandbox are its arguments. */
function environment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ABLY_AUTH_')));
}

/** Reads a stream, so that its writer never waits, and keeps the newest text. */
function newest(stream) {
  const log = { text: '' };
  stream.setEncoding('utf8').on('data', (text) => {
    log.text = (log.text + text).slice(-LOG_LENGTH);
  });
  return log;
}

module.exports = { start, stop };
