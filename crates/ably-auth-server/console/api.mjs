// Requests to the service, the admin token that they may need, and whether the service answers.

import { session } from "./storage.mjs";

const BASE = new URL("api/", import.meta.url);
const REQUEST_TIMEOUT_MS = 15_000;
// The code of a request without a valid admin token. Actions may be refused with status 401 and other codes.
const INVALID_CREDENTIALS = 40101;

// An error that the service returned, or that no answer came.
export class ApiError extends Error {
  constructor(message, { status = 0, code = null, href = null } = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.href = href;
  }
}

// The API of the console. `askForToken` returns a promise of the admin token, or of null if the reader has none.
// `onReachable` is called with a boolean after each request.
export class Api {
  // True if the service has no admin token, as its overview says.
  isOpen = false;
  #askForToken;
  #onReachable;
  #pendingToken = null;

  constructor({ askForToken, onReachable }) {
    this.#askForToken = askForToken;
    this.#onReachable = onReachable;
  }

  get(path, { query, signal } = {}) {
    return this.#json("GET", path, { query, signal });
  }

  post(path, body, { signal } = {}) {
    return this.#json("POST", path, { body, signal });
  }

  put(path, body) {
    return this.#json("PUT", path, { body });
  }

  delete(path) {
    return this.#json("DELETE", path, {});
  }

  // Returns an open response whose body is a stream of events.
  stream(path, { query, signal }) {
    return this.#send("GET", path, { query, signal, accept: "text/event-stream" });
  }

  async #json(method, path, { query, body, signal }) {
    const timeout = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    const either = signal ? AbortSignal.any([signal, timeout]) : timeout;
    const response = await this.#send(method, path, { query, body, signal: either, accept: "application/json" });
    const text = await response.text();
    return text === "" ? null : JSON.parse(text);
  }

  async #send(method, path, options) {
    const token = session.get("token");
    const response = await this.#fetch(method, path, options, token);
    if (response.status !== 401) return checked(response);
    const refusal = await checked(response).catch((error) => error);
    if (this.isOpen || refusal.code !== INVALID_CREDENTIALS) throw refusal;
    // Another request may have obtained a token while this one was in flight.
    const known = session.get("token");
    const next =
      known !== null && known !== token ? known : await this.#newToken(token === null ? null : refusal.message);
    if (next === null) throw refusal;
    return this.#send(method, path, options);
  }

  async #fetch(method, path, { query, body, signal, accept }, token) {
    const url = new URL(path, BASE);
    for (const [name, value] of Object.entries(query ?? {})) {
      if (value !== "" && value !== null && value !== undefined) url.searchParams.set(name, value);
    }
    const headers = { accept };
    if (body !== undefined) headers["content-type"] = "application/json";
    if (token !== null) headers.authorization = `Bearer ${token}`;
    try {
      const response = await fetch(url, {
        method,
        headers,
        signal,
        body: body === undefined ? undefined : JSON.stringify(body),
        cache: "no-store",
        credentials: "omit",
      });
      this.#onReachable(true);
      return response;
    } catch (error) {
      if (signal?.aborted && signal.reason?.name !== "TimeoutError") throw error;
      this.#onReachable(false);
      throw new ApiError("the service does not answer");
    }
  }

  // Asks once, also for several requests that were refused at the same time.
  async #newToken(problem) {
    session.remove("token");
    this.#pendingToken ??= this.#askForToken(problem).finally(() => {
      this.#pendingToken = null;
    });
    const token = await this.#pendingToken;
    if (token !== null) session.set("token", token);
    return token;
  }
}

// Returns whether a request ended because the page no longer needs its result.
export const isAbort = (error) => error?.name === "AbortError";

async function checked(response) {
  if (response.ok) return response;
  const body = await response.json().catch(() => null);
  const error = body?.error ?? {};
  throw new ApiError(error.message ?? `the service answered with status ${response.status}`, {
    status: response.status,
    code: error.code ?? null,
    href: error.href ?? null,
  });
}
