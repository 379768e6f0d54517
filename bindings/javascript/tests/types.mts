// Uses every type as a program would. It is checked, not run.

import { AblyAuthError, Capability, inspectJwt, mintJwt, parseKey, signTokenRequest, verifyJwt, verifyTokenRequest } from 'ably-capability';
import type { CapabilityLike, Explanation, JwtContent, Key, Operation, TokenRequest } from 'ably-capability';

const key: Key = parseKey('app.key:secret');
const operation: Operation = 'publish';
const likes: CapabilityLike[] = [Capability.parse('{}'), '{}', { chat: ['publish', 'an-operation-of-tomorrow'] } as const];
const granted: Capability = Capability.parse(likes[0]!).intersect(likes[1]!).union(likes[2]!).minimal();
const answers: boolean[] = [granted.permits(operation, 'chat'), granted.covers('{}'), granted.equivalent({}), granted.isEmpty];
const explanation: Explanation = granted.explain('teleport', 'chat');
const entry: string[] | undefined = explanation.entry?.operations;
const request: TokenRequest = signTokenRequest({ clientId: 'bob', capability: granted, ttl: 60_000 }, key);
const verified: Capability | undefined = verifyTokenRequest(request, 'app.key:secret').capability;
const token: string = mintJwt({ clientId: null, claims: { sub: 'bob', roles: ['admin'] }, publishLimits: { chat: 5 } }, key);
const content: JwtContent<Capability> = verifyJwt(token, key, { now: Date.now(), leeway: 1000 });
const text: string | undefined = inspectJwt(token).capability;
const object: Record<string, string[]> = granted.toJSON();

try {
  Capability.parse('', { lenient: true });
} catch (error) {
  if (error instanceof AblyAuthError) console.log(error.code satisfies number, error.place satisfies number | undefined, error.href);
}

// @ts-expect-error: a capability is parsed, not constructed.
new Capability();
// @ts-expect-error: misspelled.
signTokenRequest({ clientID: 'bob' }, key);
// @ts-expect-error: a key never changes.
key.keyName = 'other.key';
// @ts-expect-error: operations are a list.
Capability.parse({ chat: 'publish' });

export { answers, content, entry, object, text, verified };
