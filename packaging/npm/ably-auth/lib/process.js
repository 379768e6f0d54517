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
  const child = spawn(programPath(), all, { stdio: ['pipe', 'pipe', 'pipe'], env: environment() });
  const log = newest(child.stderr);
  return new Promise((resolve, reject) => {
    const fail = (problem, logged = log.text) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      // Without a process, `kill` would end the group of this one.
      if (child.pid) child.kill('SIGKILL');
      reject(new SandboxError(problem + (logged ? `; it logged:\n${logged}` : '')));
    };
    const abort = () => fail('the start was aborted');
    const timer = setTimeout(() => fail(`the sandbox printed no address within ${timeoutMs} ms`), timeoutMs);
    if (signal?.aborted) return abort();
    signal?.addEventListener('abort', abort);
    child.on('error', (error) => fail(`the sandbox cannot be started: ${error.message}`));
    child.on('exit', (status, name) => fail(`the sandbox ended at its start, with ${name ?? `status ${status}`}`));
    // The program may end before this process writes or closes its input.
    child.stdin.on('error', () => {});
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      if (!printed.includes('\n')) printed += text;
      if (!printed.includes('\n')) return;
      child.removeAllListeners('exit');
      const started = JSON.parse(printed.slice(0, printed.indexOf('\n')));
      // The log repeats this error.
      if (started.error) return fail(started.error.message, '');
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      for (const open of [child, child.stdin, child.stdout, child.stderr]) open.unref();
      resolve({ child, started });
    });
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
