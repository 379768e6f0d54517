// The matrix of a capability: resources by operations. Other pages may use it, with `matrix.css` and `tokens.css`.

import { h, spoken, uniqueId } from "./dom.mjs";
import { count } from "./format.mjs";

const SYMBOLS = { yes: "●", refused: "✗", unrequested: "○", no: "·" };
// The header of more operations than this is turned where the table has little space.
const LEVEL_HEADERS = 4;

// Returns a table with a legend. `matrix` is the JSON that the service and `ably-auth-inspect` compute.
export function renderMatrix(matrix, { label = "Capability" } = {}) {
  if (matrix.rows.length === 0) {
    return h("p.matrix-nothing", "It permits nothing: no operation on any channel.");
  }
  const labels = new Map(matrix.legend.map((entry) => [entry.mark, entry.label]));
  const id = uniqueId("matrix");
  const head = h(
    "tr",
    h("th.matrix-corner", { scope: "col" }, "Resource"),
    matrix.operations.map((operation) => h("th", { scope: "col" }, h("span", operation))),
    h("td.matrix-rest", { "aria-hidden": "true" }),
  );
  const rows = matrix.rows.map((row) =>
    h(
      "tr",
      h("th", { scope: "row", title: row.resource }, h("span.matrix-resource", row.resource)),
      row.marks.map((mark, column) => cell(mark, labels, `${matrix.operations[column]} on ${row.resource}`)),
      h("td.matrix-rest", { "aria-hidden": "true" }),
    ),
  );
  const table = h(
    "table.matrix-table",
    { "aria-describedby": id },
    h("caption.vh", label),
    h("thead", head),
    h("tbody", rows),
  );
  if (matrix.operations.length > LEVEL_HEADERS) table.classList.add("turned");
  return h(
    "div.matrix",
    h("div.matrix-scroll", { tabindex: "0", role: "region", "aria-label": label }, table),
    legend(matrix, id),
    leftOut(matrix),
  );
}

// The service limits the size of a matrix.
function leftOut({ rowsLeftOut = 0, operationsLeftOut = 0 }) {
  const parts = [
    rowsLeftOut > 0 ? count(rowsLeftOut, "more resource") : null,
    operationsLeftOut > 0 ? count(operationsLeftOut, "more operation") : null,
  ].filter((part) => part !== null);
  return parts.length > 0 ? h("p.matrix-rest-note", `Not shown: ${parts.join(" and ")}.`) : null;
}

function cell(mark, labels, what) {
  const meaning = labels.get(mark) ?? mark;
  return h(
    `td.mark.mark-${mark}`,
    { title: `${what}: ${meaning}` },
    h("span", { "aria-hidden": "true" }, SYMBOLS[mark] ?? mark),
    spoken(meaning),
  );
}

function legend(matrix, id) {
  return h(
    "ul.matrix-legend",
    { id },
    matrix.legend.map((entry) =>
      h(
        "li",
        h(`span.mark.mark-${entry.mark}`, { "aria-hidden": "true" }, SYMBOLS[entry.mark] ?? entry.mark),
        entry.label,
      ),
    ),
  );
}
