// The text that a mac signs, next to the fields that arrived, and why a signature may be wrong.

import { copyButton } from "./copy.mjs";
import { h, icon, spoken } from "./dom.mjs";
import { prose, sentence } from "./prose.mjs";

// Returns the likely cause of a wrong signature.
export function renderCause({ title, explanation, fix, isCertain }) {
  return h(
    "section.cause",
    h("p.cause-kind", isCertain ? "Cause" : "Likely cause"),
    h("h3", prose(title)),
    explanation ? h("p", sentence(explanation)) : null,
    fix ? h("p.cause-fix", h("strong", "Fix: "), sentence(fix)) : null,
  );
}

// Returns the signed text line by line. Lines that differ from the received field are marked.
export function renderMac({ lines, text }) {
  const marked = lines.filter((line) => line.differs).length;
  const isSignedKnown = lines.some((line) => line.signed !== null && line.signed !== undefined);
  const head = ["Field", "Line that the mac signs", "Field as received"].map((label) =>
    h("th", { scope: "col" }, label),
  );
  return h(
    "div.mac",
    h(
      "p.muted",
      "The mac of a token request signs these lines, each with a line feed at its end. ",
      marked === 0
        ? null
        : isSignedKnown
          ? "Marked: what the sender signed instead."
          : "Marked: lines that differ from the received field.",
    ),
    h(
      "div.mac-scroll",
      { tabindex: "0", role: "region", "aria-label": "Signed text" },
      h("table.mac-table", h("thead", h("tr", head)), h("tbody", lines.map(macLine))),
    ),
    h("p", copyButton(text, { label: "Copy signed text" })),
  );
}

// Returns the row of a line, and a second one if the sender is known to have signed another line.
function macLine({ field, text, received, signed, differs }) {
  const row = h(
    "tr",
    { "data-differs": differs ? "true" : null },
    h("th", { scope: "row" }, differs ? [icon("cross"), spoken("differs: ")] : null, field),
    h("td.mono", lineText(text)),
    h("td.mono", lineText(received)),
  );
  if (signed === null || signed === undefined) return row;
  const label = "The sender signed";
  return [
    row,
    h(
      "tr",
      { "data-differs": "true" },
      h("th", { scope: "row" }, label),
      h("td.mono", { colspan: "2" }, lineText(signed)),
    ),
  ];
}

const lineText = (text) => (text === "" || text === null || text === undefined ? h("span.muted", "(empty)") : text);
