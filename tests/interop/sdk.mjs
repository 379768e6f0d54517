// Shared by the drivers of npm's `ably`: the SDK, the arguments of the program, and the options of a client.
// node DRIVER CASES SERVICE ISSUER FORMAT, with MODULES in the environment.

import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const [, , cases, service, issuer, format] = process.argv;

export const Ably = createRequire(process.env.MODULES + '/')('ably');
export const url = new URL(service);
export const isBinary = format === 'msgpack';
export const common = {
  endpoint: url.hostname,
  port: +url.port,
  tlsPort: +url.port,
  tls: url.protocol === 'https:',
  useBinaryProtocol: isBinary,
  fallbackHosts: [],
  logHandler: () => {},
};
export const DATA = { text: 'grüße', object: { a: [1, { b: null }] }, bytes: Buffer.from([0, 1, 255]) };

export const readCases = () => JSON.parse(readFileSync(cases, 'utf8'));

// Returns an app as the drivers use it, from the answer to `POST /apps`.
export const appOf = ({ appId, keys: [root, chat, revocable] }) => ({
  id: appId,
  keys: { root: root.keyStr, chat: chat?.keyStr, revocable: revocable?.keyStr },
});

const artifact = (kind, key) => {
  const address = kind.startsWith('kit/') ? process.env.KIT + kind.slice(3) : `${issuer}/${kind}`;
  return `${address}${kind.includes('?') ? '&' : '?'}key=${encodeURIComponent(key)}`;
};

// Returns the error of an answer, as a callback passes it on.
const failure = async (answer) => {
  const text = await answer.text();
  const { error } = text.startsWith('{') ? JSON.parse(text) : {};
  return error ? new Ably.ErrorInfo(error.message, error.code, error.statusCode) : text;
};

const fetched = async (address) => {
  const answer = await fetch(address);
  if (answer.status !== 200) throw await failure(answer);
  return answer.headers.get('content-type') === 'application/json' ? answer.json() : answer.text();
};

// Returns the options of a client. `called` returns what the callback has to fetch, from the kinds that the case names.
export const optionsOf = async (given, app, called) => {
  const { key, use = 'root', callback, authUrl, authMethod, authHeaders, token, details, ...options } = given;
  const own = app?.keys[use];
  if (key) options.key = key.includes(':') ? filled(key, app) : app.keys[key];
  if (callback) {
    options.authCallback = (_, done) => {
      fetched(artifact(called(callback), own)).then((answer) => done(null, answer), (error) => done(error, null));
    };
  }
  if (authUrl) {
    Object.assign(options, { authUrl: artifact(authUrl, own), authMethod, authHeaders: { 'X-Own': 'yes', ...authHeaders } });
  }
  if (token) options.token = token.includes('.') ? token : await fetched(artifact(token, own));
  if (details) options.tokenDetails = await fetched(artifact(details, own));
  return options;
};

// Returns an argument with its placeholders replaced.
export const filled = (arg, app, { of = 'root', channel } = {}) => {
  const key = app.keys[of].split(':')[0];
  const values = { app: app.id, key, keyId: key.split('.')[1], channel };
  return JSON.parse(JSON.stringify(arg).replace(/{(app|key|keyId|channel)}/g, (_, name) => values[name]));
};

// Returns the value at a JSON pointer as text, or `-` if it is missing or null.
export const at = (value, pointer) => {
  const found = pointer.split('/').slice(1).reduce((inner, name) => inner?.[name], value) ?? '-';
  return typeof found === 'string' ? found : JSON.stringify(found);
};

export const errorText = ({ code, statusCode }) => `${code}/${statusCode}`;
export const said = (fault) => (fault?.code ? errorText(fault) : `${fault}`);

export const print = (case_, answer) => console.log(JSON.stringify({ case: case_.case, ...answer }));
