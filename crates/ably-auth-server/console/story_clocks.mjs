// The clock of the sender next to that of the service, with the difference that is allowed.

import { copyableTime } from "./copy.mjs";
import { h } from "./dom.mjs";
import { duration } from "./format.mjs";
import { prose } from "./prose.mjs";

// The marks are at most this part of the width away from the middle, so that their labels have space.
const WIDEST = 0.36;

// Returns a drawing and a sentence that says the same.
export function renderClocks({ sender, service, allowedMs }) {
  const label = capitalized(sender.label);
  const difference = sender.at - service.at;
  const isAllowed = Math.abs(difference) <= allowedMs;
  const scale = Math.max(Math.abs(difference), allowedMs, 1);
  const place = (ms) => `${50 + (ms / scale) * WIDEST * 100}%`;
  const window = h("div.clocks-allowed");
  window.style.setProperty("inset-inline-start", place(-allowedMs));
  window.style.setProperty("inline-size", `${Math.max((allowedMs / scale) * WIDEST * 200, 0.5)}%`);
  const gap = h("div.clocks-gap");
  gap.style.setProperty("inset-inline-start", place(Math.min(difference, 0)));
  gap.style.setProperty("inline-size", `${(Math.abs(difference) / scale) * WIDEST * 100}%`);
  const mark = (kind, ms) => {
    const element = h(`div.clocks-mark.clocks-${kind}`);
    element.style.setProperty("inset-inline-start", place(ms));
    return element;
  };
  return h(
    "div.clocks",
    { "data-allowed": String(isAllowed) },
    h("p", sentenceOf(label, difference, allowedMs)),
    h("div.clocks-line", { "aria-hidden": "true" }, window, gap, mark("service", 0), mark("sender", difference)),
    h(
      "dl.facts",
      h(
        "div",
        h("dt", h("span.clocks-key.clocks-sender", { "aria-hidden": "true" }), prose(label)),
        h("dd", copyableTime(sender.at)),
      ),
      h(
        "div",
        h("dt", h("span.clocks-key.clocks-service", { "aria-hidden": "true" }), "Clock of the service"),
        h("dd", copyableTime(service.at)),
      ),
    ),
  );
}

function sentenceOf(label, difference, allowedMs) {
  const allowed = allowedMs > 0 ? `; at most ${duration(allowedMs)} is allowed` : "";
  if (difference === 0) return prose(`${label} is the same as the service's clock.`);
  return prose(
    `${label} is ${duration(difference)} ${difference < 0 ? "behind" : "ahead of"} the service's clock${allowed}.`,
  );
}

const capitalized = (text) => text.charAt(0).toUpperCase() + text.slice(1);
