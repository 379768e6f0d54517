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
  const differing = lines.filter((line) => line.differs).length;
  const head = ["Field", "Line that the mac signs", "Field as received"].map((label) =>
    h("th", { scope: "col" }, label),
  );
  return h(
    "div.mac",
    h(
      "p.muted",
      "The mac of a token request signs these lines, each with a line feed at its end. ",
      differing > 0
        ? `${differing === 1 ? "The marked line differs" : "The marked lines differ"} from the received field.`
        : null,
    ),
    h(
      "div.mac-scroll",
      { tabindex: "0", role: "region", "aria-label": "Signed text" },
      h("table.mac-table", h("thead", h("tr", head)), h("tbody", lines.map(macLine))),
    ),
    h("p", copyButton(text, { label: "Copy signed text" })),
  );
}

function macLine({ field, text, received, differs }) {
  return h(
    "tr",
    { "data-differs": differs ? "true" : null },
    h("th", { scope: "row" }, differs ? [icon("cross"), spoken("differs: ")] : null, field),
    h("td.mono", lineText(text)),
    h("td.mono", lineText(received)),
  );
}

const lineText = (text) => (text === "" || text === null || text === undefined ? h("span.muted", "(empty)") : text);
