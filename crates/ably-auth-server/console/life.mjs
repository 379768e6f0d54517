// The life of a credential: from issue to expiry, with the moment of renewal and now. Other pages may use it, with
// `life.css` and `tokens.css`.

import { clockAhead } from "./clock.mjs";
import { copyableTime } from "./copy.mjs";
import { h } from "./dom.mjs";
import { duration } from "./format.mjs";

const TICK_MS = 1000;

// Returns a bar that moves with the time. Insert it at once: it stops if it is not part of the page a second later.
// `life` is the JSON that the service and `ably-auth-inspect` compute.
export function renderLife(life) {
  // The clock of the service may differ from the reader's, and may be moved; the bar shows the service's.
  const known = life.now - Date.now();
  const fillBar = h("div.life-past");
  const nowMark = h("div.life-now");
  const sentence = h("p.life-sentence");
  const dot = h("span.life-dot", { "aria-hidden": "true" });
  const text = h("span");
  sentence.append(dot, text);
  const node = h(
    "div.life",
    sentence,
    h("div.life-bar", { "aria-hidden": "true" }, fillBar, renewMark(life), nowMark),
    h(
      "dl.life-moments",
      moment("Issued", life.issued),
      moment("Renew at", life.renewAt),
      moment("Expires", life.expires),
    ),
  );
  const draw = () => {
    const now = Date.now() + clockAhead(known);
    const state = stateAt(life, now);
    node.dataset.state = state;
    const part = `${share(life, now) * 100}%`;
    fillBar.style.setProperty("inline-size", part);
    nowMark.style.setProperty("inset-inline-start", part);
    const next = sentenceAt(life, now, state);
    if (text.textContent !== next) text.textContent = next;
  };
  draw();
  tick(node, draw);
  return node;
}

// Calls `draw` every second, as long as the node is part of the page.
function tick(node, draw) {
  const timer = setInterval(() => {
    if (node.isConnected) draw();
    else clearInterval(timer);
  }, TICK_MS);
}

function stateAt(life, now) {
  if (now >= life.expires) return "expired";
  if (now < life.issued) return "early";
  return life.renewAt !== null && life.renewAt !== undefined && now >= life.renewAt ? "renewing" : "valid";
}

function sentenceAt(life, now, state) {
  const left = duration(roundToSeconds(life.expires - now));
  if (state === "expired") return `Expired ${duration(roundToSeconds(now - life.expires))} ago`;
  if (state === "early") return `Not valid for another ${duration(roundToSeconds(life.issued - now))}`;
  return state === "renewing" ? `Valid for ${left}; clients renew it now` : `Valid for ${left}`;
}

function renewMark(life) {
  if (life.renewAt === null || life.renewAt === undefined) return null;
  const mark = h("div.life-renew");
  mark.style.setProperty("inset-inline-start", `${share(life, life.renewAt) * 100}%`);
  return mark;
}

function moment(label, ms) {
  if (ms === null || ms === undefined) return null;
  return h("div", h("dt", label), h("dd", copyableTime(ms)));
}

// Returns the part of the life that has passed, from 0 to 1.
function share(life, at) {
  const length = Math.max(life.expires - life.issued, 1);
  return Math.min(Math.max((at - life.issued) / length, 0), 1);
}

const roundToSeconds = (ms) => Math.max(1000, Math.round(ms / 1000) * 1000);
