/** The name of an operation. A newer service may have others, and `*` means all. */
export type Operation =
  | '*'
  | 'annotation-publish'
  | 'annotation-subscribe'
  | 'channel-metadata'
  | 'history'
  | 'message-delete-any'
  | 'message-delete-own'
  | 'message-update-any'
  | 'message-update-own'
  | 'object-publish'
  | 'object-subscribe'
  | 'presence'
  | 'privileged-headers'
  | 'publish'
  | 'push-admin'
  | 'push-subscribe'
  | 'stats'
  | 'subscribe';

/** Operations by channel name, or by a name with wildcards. */
export type CapabilityObject = { readonly [channel: string]: readonly (Operation | (string & {}))[] };

/** A capability: parsed, as JSON text, or as an object. */
export type CapabilityLike = Capability | CapabilityObject | string;

export interface ParseOptions {
  /** Accepts operations and kinds of resources that this version does not know. Use it for capabilities that others issued. */
  lenient?: boolean;
}

/** The answer of `Capability.explain`. */
export interface Explanation {
  permitted: boolean;
  /**
   * `permitted`; `lacksOperation`: an entry covers the channel, but does not have the operation; `lacksResource`: an entry has
   * the operation, but none covers the channel; `lacksBoth`; `noResource`: the channel is not a valid name.
   */
  reason: 'permitted' | 'lacksOperation' | 'lacksResource' | 'lacksBoth' | 'noResource';
  operation: string;
  channel: string;
  /** One sentence for people. */
  text: string;
  /** The entry that decided, or that comes closest. */
  entry?: { resource: string; operations: string[] };
}

/** The operations that are permitted on channels. It never changes. */
export class Capability {
  private constructor();
  /**
   * Parses JSON text or an object.
   * @throws {AblyAuthError} with the byte offset of the mistake in `place`.
   */
  static parse(value: CapabilityLike, options?: ParseOptions): Capability;
  /** Returns true if the operation is permitted on the channel. A name with wildcards stands for all channels that it matches. */
  permits(operation: Operation | (string & {}), channel: string): boolean;
  /** Returns true if this permits everything that the other permits. */
  covers(other: CapabilityLike): boolean;
  /** Returns true if both permit the same, even if they are written differently. */
  equivalent(other: CapabilityLike): boolean;
  /**
   * Returns what both permit.
   * @throws {AblyAuthError} if two large capabilities take too much work to combine.
   */
  intersect(other: CapabilityLike): Capability;
  /** Returns what either permits. */
  union(other: CapabilityLike): Capability;
  /** Returns the shortest equivalent capability. */
  minimal(): Capability;
  /** Explains why the operation is permitted on the channel, or what is missing. */
  explain(operation: Operation | (string & {}), channel: string): Explanation;
  /** True if nothing is permitted. Ably issues no token with such a capability. */
  readonly isEmpty: boolean;
  /** Returns the canonical JSON, which is the same for the same entries. */
  toString(): string;
  toJSON(): Record<string, string[]>;
}

/** An API key. Its secret cannot be read, and is never printed. */
export class Key {
  private constructor();
  /** The public part: `appId.keyId`. */
  readonly keyName: string;
  readonly appId: string;
  readonly keyId: string;
  /** Returns the name of the key and `[redacted]`. */
  toString(): string;
}

/**
 * Parses `appId.keyId:secret`. Functions take the text too; a parsed key is faster for many calls.
 * @throws {AblyAuthError} which does not show the key.
 */
export function parseKey(text: string): Key;

/** The properties of a token, named as in the Ably SDK. All are optional. */
export interface TokenParams {
  /** The default is the capability of the key. */
  capability?: CapabilityLike | null;
  /** The identity; `*` for any. */
  clientId?: string | null;
  /** At least 16 characters. The default is random. */
  nonce?: string | null;
  /** Milliseconds since the epoch. The default is the current time. */
  timestamp?: number | null;
  /** Milliseconds. The default of the service is one hour. */
  ttl?: number | null;
}

/** A signed token request, as the Ably SDK's `authCallback` and `authUrl` take it. */
export interface TokenRequest {
  keyName: string;
  ttl?: number;
  capability?: string;
  clientId?: string;
  timestamp: number;
  nonce: string;
  mac: string;
}

/** The values of a token request whose mac is correct. */
export interface VerifiedTokenRequest {
  keyName: string;
  ttl?: number;
  capability?: Capability;
  clientId?: string;
  timestamp: number;
  nonce: string;
}

/** Signs a request for a token, which the client exchanges for a token. */
export function signTokenRequest(params: TokenParams | null | undefined, key: Key | string): TokenRequest;

/**
 * Verifies the mac of a token request and returns its values. Check in addition that the timestamp is recent, and refuse a nonce
 * that was used before.
 * @throws {AblyAuthError} 40101 if this key did not sign the request.
 */
export function verifyTokenRequest(request: object | string, key: Key | string): VerifiedTokenRequest;

/** The claims of a JWT that Ably accepts as a token. All are optional. */
export interface JwtClaims {
  /** The default is the capability of the key. */
  capability?: CapabilityLike | null;
  /** The identity; `*` for any. */
  clientId?: string | null;
  /** Milliseconds; one hour by default. A JWT has whole seconds. */
  ttl?: number | null;
  /** The time of issue in milliseconds since the epoch. The default is the current time. */
  timestamp?: number | null;
  /** The time from which the JWT is valid, in milliseconds since the epoch. */
  notBefore?: number | null;
  /** A text by which several tokens can be revoked together. */
  revocationKey?: string | null;
  /** Claims that other clients can see, by channel: `ably.channel.<channel>`. */
  channelClaims?: Readonly<Record<string, string>> | null;
  /** The maximum messages a second of each connection, by channel. */
  publishLimits?: Readonly<Record<string, number>> | null;
  /** Claims that Ably does not define: any JSON. */
  claims?: Readonly<Record<string, unknown>> | null;
}

/** Mints a JWT that Ably accepts as a token. */
export function mintJwt(claims: JwtClaims | null | undefined, key: Key | string): string;

/** The content of a JWT. Times are in milliseconds since the epoch. */
export interface JwtContent<C> {
  /** The key that signed the JWT: `kid`. */
  keyName: string;
  issued: number;
  expires: number;
  notBefore?: number;
  /** Absent if the JWT has the capability of its key. */
  capability?: C;
  clientId?: string;
  revocationKey?: string;
  channelClaims: Record<string, string>;
  publishLimits: Record<string, number>;
  claims: Record<string, unknown>;
}

/** The content of a JWT that is not verified. */
export interface InspectedJwt extends JwtContent<string> {
  /** An Ably token inside the JWT. If there is one, Ably uses it and ignores the rest. */
  embeddedToken?: string;
}

export interface VerifyOptions {
  /** Milliseconds since the epoch. The default is the current time. */
  now?: number;
  /** Milliseconds by which clocks may differ. The default is 0. */
  leeway?: number;
}

/**
 * Verifies that the key signed the JWT, and that it is valid now. A JWT with an embedded token is refused: Ably takes the rights of
 * the embedded token, and not those of the JWT.
 * @throws {AblyAuthError} 40142 if it has expired, 40144 if it is invalid.
 */
export function verifyJwt(token: string, key: Key | string, options?: VerifyOptions): JwtContent<Capability>;

/** Decodes a JWT without verifying it, for display. The capability is the text as the issuer wrote it. */
export function inspectJwt(token: string): InspectedJwt;

/** An invalid input, or a refused credential. The message says what is invalid, where, and what to do, and shows no secret. */
export class AblyAuthError extends Error {
  private constructor();
  readonly name: 'AblyAuthError';
  /** Ably's code of the error, such as 40000. */
  readonly code: number;
  /** The status for an HTTP response with this error. */
  readonly statusCode: number;
  /** Ably's page about the code. */
  readonly href: string;
  /** The byte offset of the mistake in the UTF-8 text. */
  readonly place?: number;
  /** The channel of the capability that has the mistake. */
  readonly resource?: string;
}
