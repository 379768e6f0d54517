// Clients as users write them: with npm's `ably`, and with JWTs that are made by hand.

import { createHmac } from 'node:crypto';
import { createRequire } from 'node:module';

const modules = createRequire(`${process.env.MODULES}/`);
export const Ably = modules('ably');

// Returns the options that every client of a service needs.
const common = (service) => {
  const { hostname, port } = new URL(service.url);
  return { endpoint: hostname, port: +port, tlsPort: +port, tls: false, fallbackHosts: [], logHandler: () => {} };
};

export const rest = (service, options) => new Ably.Rest({ ...common(service), ...options });

// Returns a connected realtime client, which is closed when the test ends.
export async function connect(t, service, options) {
  const client = new Ably.Realtime({ ...common(service), ...options });
  t.after(() => client.close());
  await client.connection.whenState('connected');
  return client;
}

const base64url = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

// Returns the parts of a key.
export function parts(key) {
  const [name, secret] = key.split(':');
  return { name, secret };
}

// Returns a JWT for a key that is valid for an hour. `head` and `claims` replace its fields; `secret` is what signs it.
export function jwt(key, { head = {}, claims = {}, secret = parts(key).secret } = {}) {
  const now = Math.floor(Date.now() / 1000);
  const signed = [
    { typ: 'JWT', alg: 'HS256', kid: parts(key).name, ...head },
    { iat: now, exp: now + 3600, 'x-ably-capability': '{"*":["*"]}', 'x-ably-clientId': 'bob', ...claims },
  ];
  const text = signed.map(base64url).join('.');
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}
