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
  #folder;
  #certificate;

  constructor({ child, started, folder, certificatePath }) {
    this.#child = child;
    this.#folder = folder;
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

  async reset() {
    await this.#call('POST', 'reset', {});
  }

  async advanceClock(milliseconds) {
    return (await this.#call('POST', 'clock', { advanceMs: milliseconds })).now;
  }

  async failNext(count, { code, status }) {
    await this.#call('PUT', 'faults', { kind: 'refuse', count, code, ...(status && { status }) });
  }

  async delayNext(count, milliseconds) {
    await this.#call('PUT', 'faults', { kind: 'delay', count, delayMs: milliseconds });
  }

  async dropNext(count) {
    await this.#call('PUT', 'faults', { kind: 'drop', count });
  }

  async clearFaults() {
    await this.#call('DELETE', 'faults');
  }

  async log(filter = {}) {
    return (await this.#call('GET', `log?${new URLSearchParams(filter)}`)).rows;
  }

  async explain(row) {
    return this.#call('GET', `log/${row.seq}`);
  }

  async stop() {
    await processes.stop(this.#child);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #call(method, path, body) {
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
  // Only this user may read the folder: it has the secrets of the apps.
  const folder = mkdtempSync(join(tmpdir(), 'ably-auth-'));
  const [appsPath, certificatePath] = ['apps.json', 'certificate.pem'].map((name) => join(folder, name));
  const all = [...args];
  try {
    if (apps && typeof apps !== 'string') writeFileSync(appsPath, JSON.stringify(apps), { mode: 0o600 });
    if (apps) all.push('--apps', typeof apps === 'string' ? apps : appsPath);
    if (tls) all.push('--tls-self-signed', certificatePath);
    const running = await processes.start({ args: all, timeoutMs, signal });
    return new Sandbox({ ...running, folder, certificatePath: tls ? certificatePath : undefined });
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

module.exports = { Sandbox, SandboxError, startSandbox };
