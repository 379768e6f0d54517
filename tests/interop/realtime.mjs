// Plays realtime.json with the realtime client of npm's `ably`, and prints what it saw of each as a line of JSON.
//
// Each case has its own app, so that several cases are played at the same time.

import { createServer, connect } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { Ably, DATA, appOf, at, common, errorText, filled, isBinary, optionsOf, print, readCases, said, url } from './sdk.mjs';

const AT_ONCE = 12;
// A step that has to wait gives up after this time; what it then says is not what the case expects.
const PATIENCE = 12000;
const SETTLED = ['connected', 'failed', 'suspended', 'closed'];
const MODES = ['presence', 'presence_subscribe', 'publish', 'subscribe'];

// Waits until `look` returns something else than undefined. `changed` is called with what has to look again.
const eventually = (watchers, look, otherwise) =>
  new Promise((done) => {
    const finish = (value) => {
      clearTimeout(timer);
      watchers.delete(check);
      done(value);
    };
    const check = () => {
      const found = look();
      if (found !== undefined) finish(found);
    };
    const timer = setTimeout(() => finish(otherwise()), PATIENCE);
    watchers.add(check);
    check();
  });

const pause = (millis) => new Promise((done) => setTimeout(done, millis));

// A TCP proxy in front of the service, whose connections a case can cut.
class Proxy {
  sockets = new Set();
  // Resolved when new connections may go on.
  held = undefined;
  isRefusing = false;

  async start() {
    this.server = createServer(async (socket) => {
      socket.on('error', () => {});
      if (this.isRefusing) return socket.destroy();
      await this.held;
      const service = connect(+url.port, '127.0.0.1').on('error', () => {});
      for (const [from, to] of [[socket, service], [service, socket]]) {
        this.sockets.add(from);
        from.pipe(to);
        from.on('close', () => {
          this.sockets.delete(from);
          to.destroy();
        });
      }
    });
    await new Promise((done) => this.server.listen(0, '127.0.0.1', done));
    return this.server.address().port;
  }

  cut(how) {
    if (how === 'hold') this.held = new Promise((done) => (this.mended = done));
    this.isRefusing = how === 'refuse';
    this.sockets.forEach((socket) => socket.destroy());
  }

  mend() {
    this.isRefusing = false;
    this.mended?.();
    this.held = undefined;
  }
}

// A client of a case, with what it saw. Steps that wait look at what was seen since the step before.
class Client {
  calls = 0;
  events = [];
  seen = 0;
  told = 0;
  inbox = [];
  presence = [];
  attachments = [];
  watchers = new Set();
  known = new Set();

  // `ids` are the connections that the clients of the case have had.
  constructor(ids) {
    this.ids = ids;
  }

  async start({ rest, proxied, otherFormat, resume, recover, echo = true, ...given }, app) {
    const called = (kinds) => [kinds].flat()[Math.min(this.calls++, [kinds].flat().length - 1)];
    const options = await optionsOf(given, app, (kinds) => this.changed(called(kinds)));
    if (proxied) {
      this.proxy = new Proxy();
      options.port = options.tlsPort = await this.proxy.start();
    }
    if (otherFormat) options.useBinaryProtocol = !isBinary;
    if (rest) {
      this.sdk = new Ably.Rest({ ...common, ...options });
      return this;
    }
    if (resume) options.recover = JSON.stringify({ connectionKey: resume, msgSerial: 0, channelSerials: {} });
    if (recover) options.recover = recover.sdk.connection.createRecoveryKey();
    const own = { disconnectedRetryTimeout: 200, autoConnect: false, echoMessages: echo };
    this.sdk = new Ably.Realtime({ ...common, ...own, ...options });
    const client = this;
    this.sdk.connection.on(function ({ reason }) {
      client.changed(client.events.push([this.event, reason]));
    });
    return this;
  }

  changed(value) {
    this.watchers.forEach((watcher) => watcher());
    return value;
  }

  until(names) {
    const look = () => {
      const found = this.events.findIndex(([name], nth) => nth >= this.seen && names.includes(name));
      if (found < 0) return undefined;
      this.seen = found + 1;
      const [name, reason] = this.events[found];
      // The SDK has a reason for what the case asked for, too.
      return reason && name !== 'closed' ? `${name} ${said(reason)}` : name;
    };
    return eventually(this.watchers, look, () => `still ${this.sdk.connection.state}`);
  }

  // Takes `count` things that were received.
  take(list, count) {
    return eventually(this.watchers, () => (list.length >= count ? list.splice(0, count) : undefined), () => list.splice(0));
  }

  channel({ channel = 'chat:room', modes, params } = {}) {
    const options = { ...(modes && { modes: modes.map((mode) => mode.toUpperCase()) }), ...(params && { params }) };
    const found = this.sdk.channels.get(channel, modes || params ? options : undefined);
    if (!this.known.has(found)) {
      this.known.add(found);
      found.on?.(['attached', 'update'], ({ resumed }) => this.changed(this.attachments.push(resumed ? 'resumed' : 'new')));
    }
    return found;
  }

  async step(name, arg) {
    const { sdk } = this;
    switch (name) {
      case 'connect':
        this.seen = this.events.length;
        sdk.connect();
        return this.until(arg ? [arg] : SETTLED);
      case 'open':
        sdk.connect();
        return '.';
      case 'until':
        return this.until([arg]);
      case 'states':
        return this.events.slice(this.told, (this.told = this.events.length)).map(([state]) => state).join(' ');
      case 'reason':
        // No event tells that it was set.
        for (const end = Date.now() + 2000; !sdk.connection.errorReason && Date.now() < end; ) await pause(20);
        return sdk.connection.errorReason ? errorText(sdk.connection.errorReason) : '-';
      case 'connectionId': {
        const isKnown = this.ids.has(sdk.connection.id);
        this.ids.add(sdk.connection.id);
        return isKnown ? 'same' : 'new';
      }
      case 'clientId':
        return sdk.auth.clientId ?? '-';
      case 'calls':
        if (arg) await eventually(this.watchers, () => (this.calls >= arg ? true : undefined), () => false);
        return this.calls;
      case 'ping':
        return (await sdk.connection.ping()) >= 0 ? 'pong' : 'no time';
      case 'close':
        sdk.close();
        return this.until(['closed']);
      case 'cut':
        this.seen = this.events.length;
        this.proxy.cut(arg);
        return '.';
      case 'mend':
        this.proxy.mend();
        return '.';
      case 'authorize':
        await sdk.auth.authorize(arg);
        return 'ok';
      case 'attach':
        await this.channel(arg).attach();
        return 'attached';
      case 'setModes':
        await this.channel(arg).setOptions({ modes: arg.to.map((mode) => mode.toUpperCase()) });
        return 'set';
      case 'detach':
        await this.channel(arg).detach();
        return 'detached';
      case 'attachments':
        return (await this.take(this.attachments, arg)).join(' ');
      case 'modes':
        return MODES.filter((mode) => this.channel(arg).modes?.some((one) => one.toLowerCase() === mode)).join(' ');
      case 'channel': {
        const channel = this.channel(arg);
        const watchers = new Set();
        channel.on(() => watchers.forEach((watcher) => watcher()));
        const look = () => (channel.state === arg.until ? channel.state : undefined);
        const state = await eventually(watchers, look, () => `still ${channel.state}`);
        return channel.errorReason ? `${state} ${errorText(channel.errorReason)}` : state;
      }
      case 'subscribe':
        await this.channel(arg).subscribe((message) => this.changed(this.inbox.push(message)));
        return 'attached';
      case 'publish': {
        const complete = ({ data = 'd', ...message } = {}) => ({ name: 'n', data: DATA[data] ?? data, ...message });
        const published = this.channel(arg).publish(arg?.messages ? arg.messages.map(complete) : complete(arg?.message));
        if (!arg?.queued) return (await published, 'ok');
        published.catch(() => {});
        return '.';
      }
      case 'receive': {
        const { count = 1, see = ['/data'], same } = arg ?? {};
        const messages = await this.take(this.inbox, count);
        if (same) return messages.every(({ data }) => isDeepStrictEqual(data, DATA[same])) ? 'same' : JSON.stringify(messages);
        return messages.map((message) => see.map((pointer) => at(message, pointer)).join(' ')).join(' ') || 'nothing';
      }
      case 'received':
        return this.inbox.length;
      case 'history':
        return (await this.channel(arg).history()).items.map(({ data }) => data).join(' ');
      case 'enter':
      case 'update':
      case 'leave': {
        const { presence } = this.channel(arg);
        const data = DATA[arg?.data] ?? arg?.data;
        await (arg?.client ? presence[`${name}Client`](arg.client, data) : presence[name](data));
        return 'ok';
      }
      case 'members': {
        const found = await this.channel(arg).presence.get();
        const members = (found.items ?? found).map(({ clientId, data }) => (data ? `${clientId} ${data}` : clientId));
        return members.sort().join(' ') || 'nobody';
      }
      case 'watch':
        await this.channel(arg).presence.subscribe((message) => this.changed(this.presence.push(message)));
        return 'attached';
      case 'notice': {
        const { count = 1, same } = arg ?? {};
        const messages = await this.take(this.presence, count);
        if (same) return messages.every(({ data }) => isDeepStrictEqual(data, DATA[same])) ? 'same' : JSON.stringify(messages);
        return messages.map(({ action, clientId, data }) => [action, clientId, data ?? '-'].join(' ')).join(' ') || 'nothing';
      }
      case 'sleep':
        await pause(arg);
        return '.';
    }
    throw new Error(`no such step: ${name}`);
  }

  end() {
    this.sdk?.close?.();
    this.proxy?.cut();
    this.proxy?.server.close();
  }
}

// Sends a request that a case writes out, with a key of the app or the access token of the Control API.
const ask = async (app, { method = 'post', path, body, of = 'root' }) => {
  const key = `Basic ${Buffer.from(app?.keys[of] ?? '').toString('base64')}`;
  const headers = { authorization: path.startsWith('/v1/') ? `Bearer ${process.env.CONTROL}` : key };
  if (body) headers['content-type'] = 'application/json';
  return fetch(service(path), { method: method.toUpperCase(), headers, body: body && JSON.stringify(body) });
};
const service = (path) => new URL(path, url);

const late = () => new Promise((done) => setTimeout(done, PATIENCE + 3000, 'no answer').unref());

const play = async ({ client, peers = {}, steps }, spec) => {
  const made = await fetch(service('/apps'), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(spec),
  });
  const app = appOf(await made.json());
  const given = { '': client, ...peers };
  const ids = new Set();
  const clients = {};
  // A peer is made and connected when it is first needed, because it may need what another one has seen.
  const of = async (name) => {
    if (clients[name]) return clients[name];
    const { recover, ...options } = given[name];
    clients[name] = await new Client(ids).start({ ...options, recover: clients[recover] }, app);
    if (name && !options.rest) await clients[name].step('connect');
    return clients[name];
  };
  const saw = [];
  try {
    for (const [words, arg] of steps.map((step) => [step].flat())) {
      const [verb, peer = ''] = words.split(' ').reverse();
      const step = async () => {
        if (verb !== 'ask') return (await of(peer)).step(verb, arg);
        const answer = await ask(app, filled(arg, app, arg));
        return answer.ok ? 'ok' : said((await answer.json()).error ?? answer.status);
      };
      saw.push(await Promise.race([step().catch(said), late()]));
    }
  } finally {
    Object.values(clients).forEach((one) => one.end());
  }
  return saw.join(' | ');
};

const { app, cases } = readCases();
const waiting = [...cases];
const worker = async () => {
  for (let one = waiting.shift(); one; one = waiting.shift()) {
    print(one, one.na?.js ? { na: one.na.js } : { saw: await play(one, { ...app, ...one.app }) });
  }
};
await Promise.all(Array.from({ length: AT_ONCE }, worker));
process.exit(0);
