// A sandbox for a test: started on a free port, and acted on through the API of its console.
'use strict';

const { mkdtempSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const { request: http } = require('node:http');
const { request: https } = require('node:https');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { SandboxError } = require('./error.js');
const processes = require('./process.js');

const START_TIMEOUT_MS = 15000;
const REQUEST_TIMEOUT_MS = 15000;

class Sandbox {
  #child;
  #certificate;
  #removeFiles;

  constructor({ child, started, certificateFolder, certificatePath }) {
    this.#child = child;
    this.#removeFiles = () => remove(certificateFolder);
    // For a program that does not call `stop`.
    process.once('exit', this.#removeFiles);
    Object.assign(this, {
      url: started.url,
      endpoint: started.endpoint,
      port: started.port,
      tls: started.tls,
      key: started.key,
      console: started.console,
      certificatePath,
    });
    this.#certificate = certificatePath && readFileSync(certificatePath, 'utf8');
  }

  get clientOptions() {
    const { key, endpoint, port, tls } = this;
    // Without TLS, an SDK does not send a key: it gets a token with it.
    return { ...(key && { key }), useTokenAuth: true, endpoint, port, tlsPort: port, tls };
  }

  async issueToken({ capability, clientId, ttl, keyName = this.key?.split(':')[0] } = {}) {
    if (!keyName) throw new SandboxError('the sandbox has no key of its own; give `keyName`, the name of a key of your apps');
    const text = typeof capability === 'object' && capability !== null ? JSON.stringify(capability) : capability;
    const asked = { keyName, kind: 'token', capability: text, clientId, ttlMs: ttl };
    return (await this.#call('POST', 'tokens', asked)).token;
  }

  async reset() {
    await this.#call('POST', 'reset', {});
    await this.#call('DELETE', 'log');
  }

  async advanceClock(milliseconds) {
    return (await this.#call('POST', 'clock', { advanceMs: whole(milliseconds, 'milliseconds', 0) })).now;
  }

  async failNext(count, { code, status } = {}) {
    if (code === undefined) throw new SandboxError('`code` is missing; give an error code of Ably, such as { code: 40142 }');
    await this.#call('PUT', 'faults', { kind: 'refuse', count: whole(count, 'count', 1), code, ...(status && { status }) });
  }

  async delayNext(count, milliseconds) {
    const [times, delayMs] = [whole(count, 'count', 1), whole(milliseconds, 'milliseconds', 1)];
    await this.#call('PUT', 'faults', { kind: 'delay', count: times, delayMs });
  }

  async dropNext(count) {
    await this.#call('PUT', 'faults', { kind: 'drop', count: whole(count, 'count', 1) });
  }

  async clearFaults() {
    await this.#call('DELETE', 'faults');
  }

  async log(filter = {}) {
    const given = Object.entries(filter).filter(([, value]) => value !== undefined);
    return (await this.#call('GET', `log?${new URLSearchParams(given)}`)).rows;
  }

  async explain(row) {
    if (row?.seq === undefined) throw new SandboxError('there is no row; give one that `log` returned');
    return this.#call('GET', `log/${row.seq}`);
  }

  async stop() {
    await processes.stop(this.#child);
    process.removeListener('exit', this.#removeFiles);
    this.#removeFiles();
  }

  #call(method, path, body) {
    if (!this.console) throw new SandboxError('the sandbox was started without its console, which acts on it; leave out `--console`');
    const text = body && JSON.stringify(body);
    const headers = text ? { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) } : {};
    const url = `${this.url}/console/api/${path}`;
    const options = { method, headers, timeout: REQUEST_TIMEOUT_MS, agent: false, ca: this.#certificate };
    return new Promise((resolve, reject) => {
      const fail = (problem) => reject(new SandboxError(`${method} ${url}: ${problem}`));
      const request = (this.tls ? https : http)(url, options, (response) => {
        let answer = '';
        response.setEncoding('utf8').on('data', (part) => (answer += part));
        response.on('error', (error) => fail(error.message));
        response.on('end', () => {
          const json = parse(answer);
          if (response.statusCode < 300) resolve(json);
          else fail(json?.error?.message ?? `status ${response.statusCode}`);
        });
      });
      request.on('timeout', () => request.destroy(new Error(`no response within ${REQUEST_TIMEOUT_MS} ms`)));
      request.on('error', (error) => fail(`${error.message}; is the sandbox still running?`));
      request.end(text);
    });
  }
}

// Node 18 has no Symbol.asyncDispose.
if (Symbol.asyncDispose) Sandbox.prototype[Symbol.asyncDispose] = Sandbox.prototype.stop;

async function startSandbox({ apps, tls = false, args = [], timeoutMs = START_TIMEOUT_MS, signal } = {}) {
  const all = [...args];
  const appsFolder = apps && typeof apps !== 'string' ? newFolder() : undefined;
  const certificateFolder = tls ? newFolder() : undefined;
  try {
    if (appsFolder) writeFileSync(join(appsFolder, 'apps.json'), JSON.stringify(apps), { mode: 0o600 });
    if (apps) all.push('--apps', appsFolder ? join(appsFolder, 'apps.json') : apps);
    const certificatePath = certificateFolder && join(certificateFolder, 'certificate.pem');
    if (certificatePath) all.push('--tls-self-signed', certificatePath);
    const running = await processes.start({ args: all, timeoutMs, signal });
    return new Sandbox({ ...running, certificateFolder, certificatePath });
  } catch (error) {
    remove(certificateFolder);
    throw error;
  } finally {
    // The file has secrets, and the sandbox has read it.
    remove(appsFolder);
  }
}

/** Makes a folder that only this user may read. */
function newFolder() {
  try {
    return mkdtempSync(join(tmpdir(), 'ably-auth-'));
  } catch (error) {
    throw new SandboxError(`no folder can be made for the files of the sandbox: ${error.message}; check TMPDIR`);
  }
}

function remove(folder) {
  if (folder) rmSync(folder, { recursive: true, force: true });
}

function whole(value, name, least) {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new SandboxError(`invalid ${name}; give a whole number from ${least}`);
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

module.exports = { Sandbox, SandboxError, startSandbox };
