/// <reference lib="esnext.disposable" />

/** An app of a sandbox. */
export interface App {
  appId: string;
  keys: AppKey[];
  [more: string]: unknown;
}

/** A key of an app: its text is `appId.id:secret`. */
export interface AppKey {
  id: string;
  secret: string;
  /** Operations by channel: `{"*":["*"]}` by default. */
  capability?: string;
  [more: string]: unknown;
}

/** Options of {@link startSandbox}. */
export interface SandboxOptions {
  /** Apps and their keys, or the path of a JSON file of them. Without it, the sandbox makes an app with one key. */
  apps?: string | App | App[];
  /** Serves TLS with a certificate made at the start, which is at {@link Sandbox.certificatePath}. */
  tls?: boolean;
  /** More arguments of `ably-auth serve`; `npx ably-auth serve --help` lists them. */
  args?: string[];
  /** Milliseconds until the start is given up: 15,000 by default. */
  timeoutMs?: number;
  /** Ends the start when it is aborted; the start fails with its reason. */
  signal?: AbortSignal;
}

/** Options of a client of npm `ably`. */
export interface ClientOptions {
  key?: string;
  useTokenAuth: boolean;
  endpoint: string;
  port: number;
  tlsPort: number;
  tls: boolean;
}

/** A token to issue. */
export interface TokenOptions {
  /** Operations by channel. */
  capability?: string | Record<string, string[]>;
  clientId?: string;
  /** The lifetime in milliseconds. */
  ttl?: number;
  /** The name of a key, `appId.keyId`; needed with the option `apps`. */
  keyName?: string;
}

/** Selects rows of the log. Of names, the beginning followed by `*` selects all that begin with it. */
export interface LogFilter {
  kind?: 'request' | 'connection' | 'message';
  outcome?: 'granted' | 'refused' | 'failed';
  code?: number;
  key?: string;
  clientId?: string;
  channel?: string;
  /** The maximum number of rows, the newest: 200 by default, at most 1,000. */
  limit?: number;
}

/** A row of the log. */
export interface LogRow {
  /** The number of the row, which counts up. */
  seq: number;
  /** Milliseconds since 1970, by the clock of the sandbox. */
  at: number;
  kind: 'request' | 'connection' | 'message';
  action: string;
  outcome: 'granted' | 'refused' | 'failed';
  status?: number;
  code?: number;
  reason?: string;
  [more: string]: unknown;
}

/** The story of a row: the checks in their order, and the evidence for the one that failed. */
export interface Story {
  row: LogRow;
  checks: { id: string; title: string; result: 'passed' | 'failed' | 'notReached'; [more: string]: unknown }[];
  [more: string]: unknown;
}

/** A sandbox that runs in a process of its own, and ends with this one. */
export class Sandbox implements AsyncDisposable {
  private constructor();
  /** The URL, such as `http://127.0.0.1:40123`. */
  readonly url: string;
  /** The host, for the option `endpoint` of an SDK. */
  readonly endpoint: string;
  readonly port: number;
  readonly tls: boolean;
  /** The key of the app that the sandbox made. It is `undefined` with the option `apps`. */
  readonly key: string | undefined;
  /** The URL of the console: a page that shows each request, and why it was refused. */
  readonly console: string | undefined;
  /** The PEM file of the certificate, with the option `tls`. */
  readonly certificatePath: string | undefined;
  /** Options for `new Ably.Rest(…)` and `new Ably.Realtime(…)`. Without `key` if you gave apps: add one of their keys. */
  readonly clientOptions: ClientOptions;
  /** Issues a token in the name of a key, by default of the sandbox's own, with all its rights. */
  issueToken(options?: TokenOptions): Promise<string>;
  /** Forgets everything since the start: messages, tokens, changes of keys, the clock, the log. Ends connections. */
  reset(): Promise<void>;
  /** Moves the clock of the sandbox forward. Returns its time, in milliseconds since 1970. */
  advanceClock(milliseconds: number): Promise<number>;
  /** Refuses the next `count` requests with an error code of Ably, such as 40142, and with its status or another. */
  failNext(count: number, refusal: { code: number; status?: number }): Promise<void>;
  /** Holds back the next `count` responses, each by up to 60,000 milliseconds. */
  delayNext(count: number, milliseconds: number): Promise<void>;
  /** Closes the connections of the next `count` requests without a response. */
  dropNext(count: number): Promise<void>;
  /** Removes the faults that are left. */
  clearFaults(): Promise<void>;
  /** Returns rows of the log, from the oldest to the newest. */
  log(filter?: LogFilter): Promise<LogRow[]>;
  /** Tells the story of a row: which checks passed, which one failed, and why. */
  explain(row: Pick<LogRow, 'seq'>): Promise<Story>;
  /** Stops the sandbox. */
  stop(): Promise<void>;
  /** Stops the sandbox, at the end of a block with `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Reports that a sandbox cannot be started, or refused an action. */
export class SandboxError extends Error {}

/** Starts a sandbox on a free port of 127.0.0.1. */
export function startSandbox(options?: SandboxOptions): Promise<Sandbox>;

/** Returns the path of the `ably-auth` program: that of this platform's package, or the value of ABLY_AUTH_PROGRAM. */
export function programPath(): string;
