// The overview of the service, read again and again as long as the page is visible.

import { clockAhead, setServiceTime } from "./clock.mjs";

const INTERVAL_MS = 5000;
// While the service is stopped, its return is noticed sooner.
const UNREACHABLE_INTERVAL_MS = 2000;

export class ServiceState {
  // The last overview, or null before the first one.
  value = null;
  // The error of the last request, or null.
  error = null;
  #api;
  #listeners = new Set();
  #timer = null;
  #inFlight = null;

  constructor(api) {
    this.#api = api;
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.refresh();
    });
  }

  // Calls `listener` now, if something is known, and after each refresh. Returns a function that ends this.
  subscribe(listener) {
    this.#listeners.add(listener);
    if (this.value !== null || this.error !== null) listener(this);
    return () => this.#listeners.delete(listener);
  }

  // Returns whether the service offers an action.
  can(action) {
    return this.value?.service.can.includes(action) ?? false;
  }

  // Returns the time on the clock of the service.
  now() {
    return Date.now() + clockAhead(0);
  }

  // Reads the overview. Calls at the same time share one request.
  refresh() {
    this.#inFlight ??= this.#read().finally(() => {
      this.#inFlight = null;
    });
    return this.#inFlight;
  }

  async #read() {
    clearTimeout(this.#timer);
    try {
      this.value = await this.#api.get("overview");
      this.error = null;
      this.#api.isOpen = this.value.service.mode === "sandbox";
      setServiceTime(this.value.service.now);
    } catch (error) {
      this.error = error;
    }
    for (const listener of this.#listeners) listener(this);
    const interval = this.error?.status === 0 ? UNREACHABLE_INTERVAL_MS : INTERVAL_MS;
    // A reader without a token is not asked again every few seconds.
    if (!document.hidden && this.error?.status !== 401) this.#timer = setTimeout(() => this.refresh(), interval);
  }
}
