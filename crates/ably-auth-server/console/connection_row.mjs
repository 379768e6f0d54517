// One connection: a row, and a second one with its details.

import { confirmButton } from "./confirm.mjs";
import { copyableTime, copyableValue } from "./copy.mjs";
import { fill, h, icon, uniqueId } from "./dom.mjs";
import { duration } from "./format.mjs";
import { renderLife } from "./life.mjs";
import { renderMatrix } from "./matrix.mjs";
import { writeHash } from "./router.mjs";

// Creates the rows. `update` shows a newer state of the connection and touches only the cells that changed.
export function createRow(first, { canEnd, canRevoke, end, revoke, now, columns }) {
  const detailsId = uniqueId("details");
  const cells = columns.map((label) => h("td", { role: "cell", "data-label": label }));
  const inner = h("div.connection-details");
  const details = h(
    "tr.details-row",
    { role: "row", id: detailsId, hidden: true },
    h("td", { role: "cell", colspan: columns.length }, inner),
  );
  const toggle = h(
    "button.disclosure",
    { type: "button", "aria-expanded": "false", "aria-controls": detailsId, click: () => setOpen(details.hidden) },
    icon("right"),
    h("span.mono", first.id),
  );
  const element = h("tbody", { role: "rowgroup" }, h("tr", { role: "row" }, cells), details);
  const shown = new Map();
  let connection = first;
  let detailsOf = "";

  fill(cells[0], toggle);
  fill(
    cells.at(-1),
    h(
      "div.row-actions",
      canEnd
        ? confirmButton({ label: "End", question: "End it?", confirmLabel: "End", act: () => end(first.id) })
        : null,
      canRevoke && first.credential !== "key"
        ? confirmButton({
            label: "Revoke",
            question: "Revoke its token?",
            confirmLabel: "Revoke",
            act: () => revoke(first.id),
          })
        : null,
    ),
  );

  function setOpen(isOpen) {
    details.hidden = !isOpen;
    toggle.setAttribute("aria-expanded", String(isOpen));
    drawDetails();
  }

  // Replaces the content of a cell if its text changed.
  function set(index, text, render = () => text) {
    if (shown.get(index) === text) return;
    shown.set(index, text);
    fill(cells[index], render());
  }

  function drawDetails() {
    if (details.hidden) return;
    // The service leaves out the lists of the last connections if there are very many.
    const { issued, expires, promptAt, opened, presence = [], capability, matrix, channels = [] } = connection;
    const next = JSON.stringify([issued, expires, promptAt, presence, capability, channels]);
    if (next === detailsOf) return;
    detailsOf = next;
    fill(
      inner,
      expires
        ? h(
            "section",
            h("h2", "Life"),
            renderLife({ issued: issued ?? opened, expires, renewAt: promptAt, now: now() }),
          )
        : null,
      h(
        "section",
        h("h2", "Connection"),
        h(
          "dl.facts",
          fact("Opened", copyableTime(opened)),
          channels.length > 0 ? fact("Attached to", channels.join(", ")) : null,
          presence.length > 0 ? fact("Present on", presence.join(", ")) : null,
          fact(
            "Log",
            h(
              "a",
              {
                href: writeHash(
                  "log",
                  null,
                  connection.clientId ? { clientId: connection.clientId } : { key: connection.key },
                ),
              },
              connection.clientId ? "Rows of this client" : "Rows of this key",
            ),
          ),
        ),
      ),
      matrix
        ? h(
            "section",
            h("h2", "Capability"),
            renderMatrix(matrix, { label: `Capability of ${connection.id}` }),
            h("p.capability-text", copyableValue(capability)),
          )
        : null,
    );
  }

  return {
    element,
    update(next) {
      connection = next;
      set(1, next.clientId ?? "none", () => (next.clientId ? h("span.wrap", next.clientId) : h("span.muted", "none")));
      set(2, next.key ?? "", () => h("span.mono", next.key));
      set(3, next.prompted ? `${next.credential} prompted` : next.credential, () =>
        h("span", next.credential, next.prompted ? [" ", h("span.tag.warn", "asked to renew")] : null),
      );
      set(4, next.channels?.join(", ") || "none", () => channelList(next.channels ?? []));
      set(5, next.expires ? timeLeft(next.expires - now()) : "no expiry");
      drawDetails();
    },
  };
}

const fact = (label, value) => h("div", h("dt", label), h("dd", value));

function channelList(channels) {
  if (channels.length === 0) return h("span.muted", "none");
  const [first, ...rest] = channels;
  return h(
    "span",
    { title: channels.join("\n") },
    h("span.mono.wrap", first),
    rest.length > 0 ? h("span.muted", ` +${rest.length}`) : null,
  );
}

const timeLeft = (ms) =>
  ms <= 0 ? "expired" : duration(ms >= 60_000 ? ms - (ms % 1000) : Math.ceil(ms / 1000) * 1000);
