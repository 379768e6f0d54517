import { Capability, capabilityText } from './capability.mjs';
import { fields, millis, object, optional, text } from './check.mjs';
import { invalid } from './error.mjs';
import { useKey } from './key.mjs';
import * as module from './module.mjs';
import { randomBytes } from './random.mjs';

const BAD_REQUEST = 40000;
const INVALID_CREDENTIALS = 40101;
const PARAMS = ['capability', 'clientId', 'nonce', 'timestamp', 'ttl'];

function newNonce() {
  return Array.from(randomBytes(16), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function signTokenRequest(params, key) {
  const { capability, clientId, nonce, timestamp, ttl } = fields(params ?? {}, 'params', PARAMS);
  const values = [
    optional(ttl, 'ttl', millis),
    capabilityText(capability),
    optional(clientId, 'clientId', text),
    optional(timestamp, 'timestamp', millis) ?? Date.now(),
    optional(nonce, 'nonce', text) ?? newNonce(),
  ];
  return JSON.parse(useKey(key, (signing) => module.signTokenRequest(signing, ...values)));
}

/** Returns a number that a peer sent as a number or as decimal digits. */
function number(value, name) {
  return millis(typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value, name);
}

export function verifyTokenRequest(request, key) {
  const given = parsed(request);
  const verified = JSON.parse(useKey(key, (signing) => verify(given, signing)));
  if (verified.capability !== undefined) verified.capability = Capability.parse(verified.capability);
  return verified;
}

function verify({ keyName, capability, clientId, mac, nonce, timestamp, ttl }, signing) {
  if (keyName !== signing.name()) {
    throw invalid('token request does not name this key; verify it with the key that its `keyName` names', BAD_REQUEST);
  }
  const missing = (name, code) => invalid(`token request has no ${name}; give the object that the SDK's \`createTokenRequest\` returns`, code);
  if (mac === undefined || mac === null) throw missing('mac', INVALID_CREDENTIALS);
  if (nonce === undefined || nonce === null) throw missing('nonce', BAD_REQUEST);
  if (timestamp === undefined || timestamp === null) throw missing('timestamp', BAD_REQUEST);
  return module.verifyTokenRequest(
    signing,
    optional(ttl, 'ttl', number),
    optional(capability, 'capability', text),
    optional(clientId, 'clientId', text),
    number(timestamp, 'timestamp'),
    text(nonce, 'nonce'),
    text(mac, 'mac'),
  );
}

/** Returns the fields of a token request that is an object or JSON text. */
function parsed(request) {
  if (typeof request !== 'string') return object(request, 'token request');
  try {
    return object(JSON.parse(text(request, 'token request')), 'token request');
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // The text of the SyntaxError quotes the input.
    throw invalid("invalid token request: not valid JSON; give the object that the SDK's `createTokenRequest` returns", BAD_REQUEST);
  }
}
