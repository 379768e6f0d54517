// Installs the program, starts a sandbox that outlives this step, and exports its address and its key.
import { execFileSync, spawn } from 'node:child_process';
import { appendFileSync, mkdtempSync, openSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const START_TIMEOUT_MS = 15000;
const POLL_INTERVAL_MS = 50;

const input = (name) => (process.env[`INPUT_${name.toUpperCase()}`] ?? '').trim();
const folder = mkdtempSync(join(process.env.RUNNER_TEMP, 'ably-auth-'));

try {
  const program = process.env.ABLY_AUTH_PROGRAM || install(input('version'));
  const started = await start(program);
  // The log of the job then shows `***` instead.
  if (started.key) console.log(`::add-mask::${started.key}`);
  const { key = '', url, endpoint, port } = started;
  set('GITHUB_OUTPUT', { key, url, endpoint, port });
  set('GITHUB_ENV', { ...(key && { ABLY_API_KEY: key }), ABLY_URL: url, ABLY_ENDPOINT: endpoint, ABLY_PORT: port });
  console.log(`a sandbox listens on ${url}`);
} catch (error) {
  console.log(`::error::${error.message.replaceAll('%', '%25').replaceAll('\n', '%0A')}`);
  process.exitCode = 1;
}

/** Installs the npm package in a folder of its own, and returns the path of the program. */
function install(version) {
  if (!/^[\w.+-]+$/.test(version)) throw new Error(`version: \`${version}\` is not a version of the npm package \`ably-auth\``);
  const npm = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error', '--prefix', folder];
  execFileSync('npm', [...npm, `ably-auth@${version}`], { stdio: 'inherit' });
  return createRequire(join(folder, 'package.json'))('ably-auth').programPath();
}

/** Starts the sandbox with its outputs in files, which do not end with this step. Returns the object that it prints. */
async function start(program) {
  const args = ['serve', '--sandbox', '--json', '--listen', `127.0.0.1:${input('port') || 0}`];
  if (input('apps')) args.push('--apps', input('apps'));
  args.push(...input('args').split('\n').map((line) => line.trim()).filter(Boolean));
  const [output, log] = ['output', 'log'].map((name) => join(folder, name));
  const child = spawn(program, args, { detached: true, stdio: ['ignore', openSync(output, 'w', 0o600), openSync(log, 'w')] });
  let problem = `the sandbox printed no address within ${START_TIMEOUT_MS} ms`;
  child.on('error', (error) => (problem = `the sandbox cannot be started: ${error.message}`));
  child.on('exit', (status, signal) => (problem = `the sandbox ended at its start, with ${signal ?? `status ${status}`}`));
  set('GITHUB_STATE', { pid: child.pid ?? '' });
  for (const deadline = Date.now() + START_TIMEOUT_MS; Date.now() < deadline; await sleep(POLL_INTERVAL_MS)) {
    const [line, rest] = readFileSync(output, 'utf8').split('\n', 2);
    if (rest !== undefined) {
      const started = JSON.parse(line);
      if (started.error) throw new Error(started.error.message);
      child.unref();
      set('GITHUB_STATE', { console: started.console ?? '' });
      return started;
    }
    if (child.pid === undefined || child.exitCode !== null) break;
  }
  // Without a process, `kill` would end the group of this one.
  if (child.pid) child.kill();
  // The event that says why may not have been delivered yet.
  await sleep(POLL_INTERVAL_MS);
  throw new Error(`${problem}\n${readFileSync(log, 'utf8')}`.trim());
}

/** Adds variables to the file that the runner names in `variable`. No value has a line break. */
function set(variable, values) {
  const lines = Object.entries(values).map(([name, value]) => `${name}=${value}\n`);
  appendFileSync(process.env[variable], lines.join(''));
}
