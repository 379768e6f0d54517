// The rows of the log as they arrive: the newest page, then the stream, with pause, older pages and reconnection.

import { isAbort } from "./api.mjs";
import { LogRows, MAX_ROWS } from "./log_rows.mjs";
import { followLog } from "./stream.mjs";

const PAGE_SIZE = 500;
const CATCH_UP_SIZE = 1000;

export class LogFeed {
  rows = new LogRows();
  // `loading`, `live`, `lost` or `refused`.
  state = "loading";
  error = null;
  isPaused = false;
  // The number of rows that wait while the feed is paused, and of those that came too fast for the service to send.
  waitingCount = 0;
  skipped = 0;
  #api;
  #onChange;
  #query = {};
  #waiting = [];
  #last = null;
  #hasOlder = false;
  #isLoadingOlder = false;
  #stop = new AbortController();

  // `onChange` gets how many rows were added before the first one, or a negative number if rows were dropped there.
  constructor(api, onChange) {
    this.#api = api;
    this.#onChange = onChange;
  }

  // Starts with these filters, from the newest rows.
  start(query) {
    this.close();
    this.#stop = new AbortController();
    this.#query = query;
    this.#forget();
    this.state = "loading";
    this.error = null;
    this.#onChange(0);
    followLog(this.#api, {
      query,
      signal: this.#stop.signal,
      resume: () => this.#resume(),
      onRows: ({ rows, skipped = 0 }) => {
        this.skipped += skipped;
        this.#arrived(rows);
      },
      onCleared: () => {
        this.#forget();
        this.#onChange(0);
      },
      onState: (state, error = null) => {
        this.state = state;
        this.error = error;
        this.#onChange(0);
      },
    });
  }

  close() {
    this.#stop.abort();
  }

  pause() {
    this.isPaused = true;
    this.#onChange(0);
  }

  unpause() {
    this.isPaused = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.waitingCount = 0;
    this.#onChange(-this.rows.append(waiting));
  }

  // Clears the log of the service, and with it this list.
  async clear() {
    await this.#api.delete("log");
    this.#forget();
    this.#onChange(0);
  }

  // Reads the page before the oldest row, unless there is no older one or the list is full.
  async loadOlder() {
    if (!this.#hasOlder || this.#isLoadingOlder || this.rows.length >= MAX_ROWS) return;
    this.#isLoadingOlder = true;
    const { signal } = this.#stop;
    try {
      const page = await this.#api.get("log", {
        query: { ...this.#query, limit: PAGE_SIZE, before: this.rows.first },
        signal,
      });
      if (signal.aborted) return;
      this.#hasOlder = page.more;
      this.#onChange(this.rows.prepend(page.rows));
    } catch (error) {
      // The next scroll tries again.
      if (!isAbort(error)) this.error = error;
    } finally {
      this.#isLoadingOlder = false;
    }
  }

  // Reads what the list lacks, and returns the number after which the stream shall begin.
  async #resume() {
    const { signal } = this.#stop;
    while (this.#last !== null) {
      const page = await this.#api.get("log", {
        query: { ...this.#query, limit: CATCH_UP_SIZE, after: this.#last },
        signal,
      });
      // The service was restarted or its log cleared: its numbers are not those of this list.
      if (page.last === null || page.last === undefined || page.last < this.#last) break;
      this.#arrived(page.rows);
      if (!page.more) return this.#last;
    }
    this.#forget();
    const page = await this.#api.get("log", { query: { ...this.#query, limit: PAGE_SIZE }, signal });
    this.rows.append(page.rows);
    this.#last = page.last ?? 0;
    this.#hasOlder = page.more;
    this.#onChange(0);
    return this.#last;
  }

  #arrived(rows) {
    if (rows.length === 0) return;
    this.#last = Math.max(this.#last ?? 0, rows.at(-1).seq);
    if (!this.isPaused) {
      this.#onChange(-this.rows.append(rows));
      return;
    }
    this.waitingCount += rows.length;
    this.#waiting = [...this.#waiting, ...rows].slice(-MAX_ROWS);
    this.#onChange(0);
  }

  #forget() {
    this.rows.clear();
    this.#waiting = [];
    this.waitingCount = 0;
    this.skipped = 0;
    this.#last = null;
    this.#hasOlder = false;
  }
}
