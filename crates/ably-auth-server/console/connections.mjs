// The open realtime connections, refreshed while the page is visible.

import { isAbort } from "./api.mjs";
import { fill, h } from "./dom.mjs";
import { count, number } from "./format.mjs";
import { createRow } from "./connection_row.mjs";
import { emptyState, errorNote, loading } from "./messages.mjs";

const INTERVAL_MS = 2000;
const COLUMNS = ["Connection", "Client", "Key", "Credential", "Channels", "Time left", "Actions"];

export function create(context) {
  const view = new ConnectionsView(context);
  return { title: "Connections", element: view.element, update() {}, close: () => view.close() };
}

class ConnectionsView {
  #context;
  #rows = new Map();
  #timer = null;
  #request = new AbortController();
  #total = h("span.muted");
  #problem = h("div");
  #empty = h("div", loading());
  #table = h(
    "table.connections",
    { role: "table", hidden: true },
    h("caption.vh", "Open connections"),
    h(
      "thead",
      { role: "rowgroup" },
      h(
        "tr",
        { role: "row" },
        COLUMNS.map((label) => h("th", { scope: "col", role: "columnheader" }, label)),
      ),
    ),
  );

  constructor(context) {
    this.#context = context;
    this.element = h(
      "div.view",
      h("div.view-head", h("h1", { tabindex: "-1" }, "Connections"), this.#total),
      this.#problem,
      this.#empty,
      this.#table,
    );
    this.refresh();
  }

  close() {
    clearTimeout(this.#timer);
    this.#request.abort();
  }

  // Reads the connections, and again after an interval. A hidden page reads nothing.
  async refresh() {
    clearTimeout(this.#timer);
    try {
      if (!document.hidden) this.#show(await this.#context.api.get("connections", { signal: this.#request.signal }));
    } catch (error) {
      if (isAbort(error)) return;
      if (error.status !== 0) fill(this.#problem, errorNote(error));
      // Without a token there is nothing to repeat.
      if (error.status === 401) return;
    }
    if (!this.#request.signal.aborted) this.#timer = setTimeout(() => this.refresh(), INTERVAL_MS);
  }

  #show({ total, connections }) {
    const text =
      connections.length < total
        ? `${number(connections.length)} of ${count(total, "connection")}`
        : count(total, "connection");
    if (this.#total.textContent !== text) this.#total.textContent = text;
    this.#table.hidden = connections.length === 0;
    this.#empty.hidden = connections.length > 0;
    if (connections.length === 0) {
      fill(
        this.#empty,
        emptyState(
          "No open connections",
          h(
            "p",
            "Connect with an Ably SDK; the connection appears here within two seconds, with what it may do and how long.",
          ),
        ),
      );
    }
    this.#reconcile(connections);
  }

  // Keeps the elements of connections that are still open, so that focus and open details stay.
  #reconcile(connections) {
    const gone = new Set(this.#rows.keys());
    let before = this.#table.tHead;
    for (const connection of connections) {
      gone.delete(connection.id);
      const row = this.#rows.get(connection.id) ?? this.#add(connection);
      row.update(connection);
      if (before.nextElementSibling !== row.element) before.after(row.element);
      before = row.element;
    }
    for (const id of gone) {
      this.#rows.get(id).element.remove();
      this.#rows.delete(id);
    }
  }

  #add(connection) {
    const row = createRow(connection, {
      canEnd: this.#context.service.can("end"),
      canRevoke: this.#context.service.can("revoke"),
      end: (id) => this.#act(`connections/${encodeURIComponent(id)}/end`, () => "Connection ended"),
      revoke: (id) => this.#act(`connections/${encodeURIComponent(id)}/revoke`, ({ target }) => `Revoked ${target}`),
      now: () => this.#context.service.now(),
      columns: COLUMNS,
    });
    this.#rows.set(connection.id, row);
    return row;
  }

  async #act(path, told) {
    this.#problem.replaceChildren();
    try {
      const result = await this.#context.api.post(path, {});
      this.#context.announce(told(result ?? {}));
    } catch (error) {
      fill(this.#problem, errorNote(error));
    }
    await this.refresh();
  }
}
