// Starts the service as a sandbox, and ends it by its id.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const OPTIONS = { stdio: ['ignore', 'pipe', 'inherit'] };

export class Service {
  // Starts a sandbox, on a free port unless `listen` says which.
  static async start({ listen = '127.0.0.1:0', options = [] } = {}) {
    const { ABLY_API_KEY: _, ...env } = process.env;
    const args = ['serve', '--sandbox', '--listen', listen, '--log-level', 'error', ...options];
    const child = spawn(process.env.ABLY_AUTH, args, { ...OPTIONS, env });
    const service = new Service(child, options);
    // A test process that ends for any reason takes the service with it.
    process.once('exit', service.#kill);
    await service.#started();
    return service;
  }

  // The addresses of its consoles: its own, and that on the admin address.
  consoles = [];
  #child;
  #options;
  #kill = () => this.#child.kill('SIGKILL');

  constructor(child, options) {
    this.#child = child;
    this.#options = options;
  }

  // Reads the addresses and the key from the first lines.
  async #started() {
    // A service whose apps come from a file prints no key, and the console's address is its last line.
    const hasKey = !this.#options.includes('--apps');
    for await (const line of createInterface({ input: this.#child.stdout })) {
      const [, url] = /^listening on (http\S+)/.exec(line) ?? [];
      const [, console] = /^console on (http\S+)/.exec(line) ?? [];
      const [, key] = /export ABLY_API_KEY=(\S+)/.exec(line) ?? [];
      this.url ??= url;
      this.key ??= key;
      if (console) this.consoles.push(console);
      if (hasKey ? this.key : this.consoles.length > 0) {
        // An unread pipe would fill up and stop the service.
        this.#child.stdout.resume();
        return;
      }
    }
    throw new Error('`ably-auth serve` ended before it listened; start it by hand to see why');
  }

  get host() {
    return new URL(this.url).host;
  }

  // Ends the service; resolves when its process is gone.
  async stop() {
    process.off('exit', this.#kill);
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#kill();
    await gone;
  }

  // Starts another service on the same port.
  startAgain() {
    return Service.start({ listen: this.host, options: this.#options });
  }

  // Creates an app of the sandbox, and returns the keys as text.
  async createApp(app) {
    const answer = await this.send('POST', '/apps', { body: app });
    return (await answer.json()).keys.map((key) => key.keyStr);
  }

  // Sends a request with a key, or with a token as the credential.
  send(method, path, { key, token, body } = {}) {
    const headers = { 'content-type': 'application/json' };
    if (key) headers.authorization = `Basic ${Buffer.from(key).toString('base64')}`;
    if (token) headers.authorization = `Bearer ${Buffer.from(token).toString('base64')}`;
    return fetch(this.url + path, { method, headers, body: body && JSON.stringify(body) });
  }
}
