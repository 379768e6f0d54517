import { Capability, capabilityText } from './capability.mjs';
import { entries, fields, millis, optional, stringify, text } from './check.mjs';
import { attempt, invalid } from './error.mjs';
import { useKey } from './key.mjs';
import * as module from './module.mjs';

const CLAIMS = ['capability', 'channelClaims', 'claims', 'clientId', 'notBefore', 'publishLimits', 'revocationKey', 'timestamp', 'ttl'];
const UTF8 = new TextDecoder();
const CHANNEL = 'ably.channel.';
const LIMIT = 'ably.limits.publish.perAttachment.maxRate.';
// The claims that have a field in the result.
const OWN = ['iat', 'exp', 'nbf', 'x-ably-capability', 'x-ably-clientId', 'x-ably-revocation-key', 'x-ably-token'];

function limit(value) {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
    throw invalid('invalid publish limit: not a whole number; give the messages a second');
  }
  return value;
}

export function mintJwt(claims, key) {
  const given = fields(claims ?? {}, 'claims', CLAIMS);
  const values = [
    optional(given.timestamp, 'timestamp', millis) ?? Date.now(),
    optional(given.ttl, 'ttl', millis),
    optional(given.notBefore, 'notBefore', millis),
    capabilityText(given.capability),
    optional(given.clientId, 'clientId', text),
    optional(given.revocationKey, 'revocationKey', text),
  ];
  const lists = ['channelClaims', 'publishLimits', 'claims'].map((name) => optional(given[name], name, entries) ?? []);
  const channelClaims = lists[0].map(([resource, claim]) => [resource, text(claim, 'channel claim')]);
  const publishLimits = lists[1].map(([resource, rate]) => [resource, limit(rate)]);
  const others = lists[2].map(([name, value]) => [name, stringify(value, 'claim')]);
  return useKey(key, (signing) => {
    const draft = new module.Draft(...values);
    try {
      for (const [resource, claim] of channelClaims) draft.addChannelClaim(resource, claim);
      for (const [resource, rate] of publishLimits) draft.addPublishLimit(resource, rate);
      for (const [name, value] of others) draft.addClaim(name, value);
      return draft.mint(signing);
    } finally {
      draft.free();
    }
  });
}

/** Returns the claims that begin with `prefix`, by the rest of their names. */
function scoped(payload, prefix) {
  const own = Object.entries(payload).filter(([name, value]) => name.length > prefix.length && name.startsWith(prefix) && value !== null);
  return Object.fromEntries(own.map(([name, value]) => [name.slice(prefix.length), value]));
}

/** Decodes a payload that the module has checked: JSON in UTF-8, in base64url without padding. */
function decoded(part) {
  const characters = atob(part.replaceAll('-', '+').replaceAll('_', '/'));
  // Ten times as fast as `Uint8Array.from` with a function.
  const bytes = new Uint8Array(characters.length);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = characters.charCodeAt(at);
  return JSON.parse(UTF8.decode(bytes));
}

/** Returns an object for the content of a JWT. `parse` gets the text of the capability. */
function content(token, written, parse) {
  const { capability, ...read } = JSON.parse(written);
  const payload = decoded(token.split('.')[1]);
  const isOther = ([name]) => !OWN.includes(name) && ![CHANNEL, LIMIT].some((prefix) => name.length > prefix.length && name.startsWith(prefix));
  const [revocationKey, embeddedToken] = [payload['x-ably-revocation-key'], payload['x-ably-token']];
  return {
    ...read,
    ...(capability !== undefined && { capability: parse(capability) }),
    ...(typeof revocationKey === 'string' && { revocationKey }),
    ...(typeof embeddedToken === 'string' && { embeddedToken }),
    channelClaims: scoped(payload, CHANNEL),
    publishLimits: scoped(payload, LIMIT),
    claims: Object.fromEntries(Object.entries(payload).filter(isOther)),
  };
}

export function verifyJwt(token, key, options) {
  const { now, leeway } = fields(options ?? {}, 'options', ['now', 'leeway']);
  const values = [text(token, 'token'), optional(now, 'now', millis) ?? Date.now(), optional(leeway, 'leeway', millis) ?? 0];
  const written = useKey(key, (signing) => module.verifyJwt(signing, ...values));
  return content(values[0], written, (capability) => Capability.parse(capability, { lenient: true }));
}

export function inspectJwt(token) {
  const written = text(token, 'token');
  return content(written, attempt(() => module.inspectJwt(written)), (capability) => capability);
}
