// Plays cases.json with the REST client of npm's `ably`, and prints what it saw of each as a line of JSON.

import { isDeepStrictEqual } from 'node:util';
import { Ably, DATA, appOf, at, common, errorText, filled, optionsOf, print, readCases, said, url } from './sdk.mjs';

let app;

const details = (token) => {
  const life = token.expires === undefined ? '-' : token.expires - token.issued;
  return `${token.clientId ?? '-'} ${token.capability} ${life}`;
};

const lowerCase = (headers) => Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
const labels = (page) => page.items.map((item) => item.data ?? item.intervalId ?? item).join(' ');

class Play {
  calls = 0;
  // The message of the last error.
  message = '';
  channel = 'chat:' + Math.random().toString(36).slice(2);

  async client(given) {
    const called = (kind) => {
      this.calls += 1;
      return kind;
    };
    return new Ably.Rest({ ...common, ...(await optionsOf(given, app, called)) });
  }

  filled(arg) {
    return filled(arg, app, { of: arg.of, channel: this.channel });
  }

  async step(rest, name, arg) {
    const channel = rest.channels.get(arg?.channel ?? this.channel);
    switch (name) {
      case 'provision': {
        const answer = await rest.request('post', '/apps', 6, {}, arg);
        const made = answer.items[0];
        app = appOf(made);
        const consistent = made.keys.every(
          (k) => k.keyStr === `${k.keyName}:${k.keySecret}` && k.value === k.keySecret && k.keyName === `${made.appId}.${k.id}`,
        );
        const keys = made.keys.map((k) => `${k.capability}${k.revocableTokens ? ' revocable' : ''}`).join(', ');
        const found = made.endpoint === url.hostname && made.port === +url.port && made.tls === common.tls;
        return [answer.statusCode, keys, made.namespaces[0].id, consistent && found && !!made.accountId].join('; ');
      }
      case 'time':
        return Math.abs((await rest.time()) - Date.now()) < 60000 ? 'now' : 'another time';
      case 'requestToken':
        return details(await rest.auth.requestToken(arg));
      case 'authorize':
        return details(await rest.auth.authorize(arg));
      case 'clientId':
        return rest.auth.clientId ?? '-';
      case 'publish': {
        const messages = (arg?.messages ?? [arg?.message]).map((message) => ({ name: 'n', data: 'd', ...message }));
        await channel.publish(arg?.messages ? messages : messages[0]);
        return 'ok';
      }
      case 'batchPublish': {
        const { successCount, failureCount, results } = await rest.batchPublish(arg);
        const each = results.map((one) => (one.error ? errorText(one.error) : one.messageId && 'ok'));
        return `${successCount}+${failureCount}: ${each.join(' ')}`;
      }
      case 'echo': {
        await channel.publish('n', DATA[arg.data]);
        const [message] = (await channel.history()).items;
        return isDeepStrictEqual(message.data, DATA[arg.data]) ? 'same' : `other: ${JSON.stringify(message)}`;
      }
      case 'history':
        return (await channel.history()).items.length;
      case 'author':
        return (await channel.history()).items[0].clientId ?? '-';
      case 'last': {
        const { items } = await channel.history();
        return arg.see.map((pointer) => at(items[0], pointer)).join(' ');
      }
      case 'presence':
        return (await channel.presence.get()).items.length;
      case 'presenceHistory':
        return (await channel.presence.history()).items.length;
      case 'walk': {
        const { path = 'history', query } = this.filled(arg);
        const pages = [];
        let page = await { history: () => channel.history(query), stats: () => rest.stats(query) }[path]?.();
        for (page ??= await rest.request('get', path, 6, query); page; page = await page.next()) pages.push(page);
        return `${pages.map(labels).join(', ')}; ${labels(await pages.at(-1).first())}`;
      }
      case 'status':
        return (await channel.status()).status.isActive ? 'active' : 'inactive';
      case 'stats': {
        const { items } = await rest.stats(arg?.query ?? { limit: 1 });
        if (arg?.see) return arg.see.map((pointer) => at(items, pointer)).join(' ');
        return items.every((interval) => interval.unit === 'minute') ? 'ok' : 'other';
      }
      case 'revoke': {
        const targets = arg.targets.map((text) => ({ type: text.split(':')[0], value: text.split(':').slice(1).join(':') }));
        const client = arg.with ? await this.client({ key: arg.with }) : rest;
        const batch = await client.auth.revokeTokens(targets);
        const each = batch.results.map((one) => (one.error ? errorText(one.error) : one.appliesAt > 0 && 'ok'));
        return `${batch.successCount}+${batch.failureCount}: ${each.join(' ')}`;
      }
      case 'ask': {
        const { method = 'get', path, version = 6, query = {}, headers = {}, body, see = [] } = this.filled(arg);
        const answer = await rest.request(method, path, version, query, body, lowerCase(headers));
        if (!answer.success) this.message = answer.errorMessage;
        const status = answer.success ? answer.statusCode : `${answer.errorCode}/${answer.statusCode}`;
        const seen = see.map((what) => (what.startsWith('/') ? at(answer.items, what) : (answer.headers[what] ?? '-')));
        return [status, ...seen].join(' ');
      }
      case 'said':
        return this.message.includes(arg) ? 'yes' : `no: ${this.message}`;
      case 'calls':
        return this.calls;
      case 'sleep':
        await new Promise((done) => setTimeout(done, arg));
        return '.';
    }
    throw new Error(`no such step: ${name}`);
  }

  async run({ client, steps }) {
    const saw = [];
    let rest;
    try {
      rest = await this.client(client);
    } catch (fault) {
      return said(fault);
    }
    for (const [name, arg] of steps.map((step) => [step].flat())) {
      saw.push(
        await this.step(rest, name, arg).catch((fault) => {
          this.message = fault.message;
          return said(fault);
        }),
      );
    }
    return saw.join(' | ');
  }
}

for (const one of readCases()) {
  print(one, one.na?.js ? { na: one.na.js } : { saw: await new Play().run(one) });
}
