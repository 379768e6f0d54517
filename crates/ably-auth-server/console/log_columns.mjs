// The columns of the log.

import { h, spoken } from "./dom.mjs";
import { iso, number, timeOfDay, took } from "./format.mjs";

// Characters, not icons: the list creates hundreds of rows a second while the reader scrolls.
const OUTCOMES = { granted: "✓", refused: "✗", failed: "✗" };

export const COLUMNS = [
  {
    id: "time",
    label: "Time",
    render: (row) => h("time", { datetime: iso(row.at), title: `${iso(row.at)} · ${row.at}` }, timeOfDay(row.at)),
  },
  { id: "result", label: "Result", render: renderResult },
  { id: "action", label: "Action", render: (row) => text(row.action) },
  { id: "target", label: "Target", render: (row) => text(target(row), "mono") },
  { id: "key", label: "Key", render: (row) => text(row.key, "mono") },
  { id: "client", label: "Client", render: (row) => text(row.clientId) },
  { id: "reason", label: "Reason", render: (row) => text(row.reason) },
  {
    id: "took",
    label: "Took",
    render: (row) => (row.durationUs ? h("span", { title: `${number(row.durationUs)} µs` }, took(row.durationUs)) : ""),
  },
];

// Returns the outcome with its status and code.
export function renderResult(row) {
  const numbers = [row.status, row.code].filter((value) => value !== null && value !== undefined);
  return h(
    `span.result.result-${row.outcome}`,
    { title: row.outcome },
    h("span.result-mark", { "aria-hidden": "true" }, OUTCOMES[row.outcome] ?? "○"),
    numbers.length > 0 ? [spoken(`${row.outcome} `), numbers.join(" · ")] : row.outcome,
  );
}

// Returns what a row is about, in short.
export function target(row) {
  if (row.method) return `${row.method} ${row.path ?? ""}`;
  if (row.channel) return row.channel;
  return row.connectionId ?? row.path ?? "";
}

function text(value, kind = null) {
  return value ? h(kind ? `span.${kind}` : "span", { title: value }, value) : "";
}
