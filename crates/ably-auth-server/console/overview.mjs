// The overview: where the service is, and each key with its secret, capability and snippets.

import { codeBlock } from "./code.mjs";
import { copyButton, copyableTime, copyableValue } from "./copy.mjs";
import { fill, h, icon } from "./dom.mjs";
import { bytes, count, duration, number } from "./format.mjs";
import { renderMatrix } from "./matrix.mjs";
import { emptyState, errorNote, loading } from "./messages.mjs";
import { preferences } from "./storage.mjs";
import { renderTabs } from "./tabs.mjs";

export function create(context) {
  const hint = h("div.hint-place");
  const tiles = h("dl.tiles");
  const apps = h("div.apps", loading());
  const element = h("div.view", h("h1", { tabindex: "-1" }, "Overview"), hint, tiles, apps);
  let shownApps = "";
  const show = ({ value, error }) => {
    if (value === null) {
      fill(apps, errorNote(error));
      return;
    }
    showHint(hint, value.service);
    fillChanged(tiles, statusTiles(value));
    // The keys are drawn again only if they changed, so that open tabs and revealed secrets stay.
    const next = JSON.stringify(value.apps);
    if (next === shownApps) return;
    shownApps = next;
    fill(apps, renderApps(value.apps, context));
  };
  const close = context.service.subscribe(show);
  return { title: "Overview", element, update() {}, close };
}

function showHint(place, { journal }) {
  const isFirstRun = !journal?.rows;
  if (place.dataset.firstRun === String(isFirstRun)) return;
  place.dataset.firstRun = String(isFirstRun);
  if (!isFirstRun) {
    place.replaceChildren();
    return;
  }
  fill(
    place,
    h(
      "div.hint",
      h("p.hint-title", "Send a request; it appears in the log."),
      h(
        "p",
        "Copy a snippet below and run it. Then open ",
        h("a", { href: "#/log" }, "the log"),
        " to see what the service checked, and why it granted or refused the request.",
      ),
    ),
  );
}

function logUsage(journal) {
  const usage = `${bytes(journal.bytes)} of ${bytes(journal.maxBytes)}`;
  return journal.leftOut ? `${usage}, ${number(journal.leftOut)} not recorded` : usage;
}

function statusTiles({ service, faults }) {
  return [
    tile("URL", copyableValue(service.url ?? location.origin)),
    tile(
      "Log",
      h("a", { href: "#/log" }, count(service.journal?.rows ?? 0, "row")),
      service.journal ? logUsage(service.journal) : "",
    ),
    tile("Connections", h("a", { href: "#/connections" }, number(service.connections)), "open now"),
    tile(
      "Clock",
      service.clockAheadMs ? `${duration(service.clockAheadMs)} ahead` : "Real time",
      service.clockAheadMs ? "moved by Act" : "",
    ),
    tile("Faults", faults ? `${faults.kind}, ${number(faults.left)} left` : "None", faults ? "injected by Act" : ""),
  ];
}

function tile(label, value, note = "") {
  return h(
    "div.tile",
    h("dt", label),
    h("dd", h("span.tile-value", value), note === "" ? null : h("span.tile-note", note)),
  );
}

// Replaces only the children that differ, so that the focus stays.
function fillChanged(list, children) {
  children.forEach((child, index) => {
    const old = list.children[index];
    if (!old) list.append(child);
    else if (old.textContent !== child.textContent) old.replaceWith(child);
  });
}

function renderApps(apps, context) {
  if (apps.length === 0) {
    return emptyState(
      "No apps",
      h("p", "Start the service with a configuration that has an app, or add one with the control API."),
    );
  }
  const onlyKey = apps.length === 1 && apps[0].keys.length === 1;
  return apps.map((app, index) =>
    h(
      "section.app",
      h("h2", app.name || app.id, " ", app.name && app.name !== app.id ? h("span.app-id.mono", app.id) : null),
      app.keys.length === 0 ? h("p.muted", "This app has no keys.") : null,
      app.keys.map((key, at) => keyCard(key, context, onlyKey || (index === 0 && at === 0))),
    ),
  );
}

// Returns a card whose details are read when it is opened.
function keyCard(key, context, isOpen) {
  const body = h("div.key-body");
  const card = h(
    "details.card.key",
    h(
      "summary",
      h("h3.key-name.mono", key.name),
      // Without a label, a key has its id for one.
      key.label && !key.name.endsWith(`.${key.label}`) ? h("span.muted", key.label) : null,
      key.enabled ? null : h("span.tag.bad", "disabled"),
      key.revocableTokens ? h("span.tag", "revocable tokens") : null,
      icon("right"),
    ),
    body,
  );
  let isFilled = false;
  const fillOnce = () => {
    if (!card.open || isFilled) return;
    isFilled = true;
    fillKey(body, key, context);
  };
  card.addEventListener("toggle", fillOnce);
  card.open = isOpen;
  return card;
}

async function fillKey(body, key, context) {
  const secret = h("div.secret", loading());
  const snippets = h("div");
  fill(
    body,
    secret,
    key.expires ? h("p.muted", "Expires ", copyableTime(key.expires)) : null,
    h("h4", "Capability"),
    key.matrix ? renderMatrix(key.matrix, { label: `Capability of ${key.name}` }) : h("p.mono", key.capability),
    snippets,
  );
  if (!context.service.can("reveal")) {
    fill(secret, h("p.muted", "This console does not reveal secrets."));
    return;
  }
  const path = `keys/${encodeURIComponent(key.name)}`;
  try {
    const masked = await context.api.get(path);
    const reveal = once(() => context.api.post(`${path}/reveal`, {}));
    showSecret(secret, masked, reveal);
    if (masked.snippets?.length > 0)
      fill(snippets, h("h4", "Snippets"), renderSnippets(masked.snippets, key.name, reveal));
  } catch (error) {
    fill(secret, errorNote(error));
  }
}

// Shows the key, masked or not. The copy button copies the real secret without showing it.
function showSecret(place, masked, reveal) {
  const value = h("code.secret-value", masked.key);
  const problem = h("div");
  let isShown = false;
  const word = h("span", "Reveal");
  const toggle = async () => {
    try {
      value.textContent = isShown ? masked.key : (await reveal()).key;
      isShown = !isShown;
      word.textContent = isShown ? "Hide" : "Reveal";
      problem.replaceChildren();
    } catch (error) {
      fill(problem, errorNote(error));
    }
  };
  fill(
    place,
    h("h4", "Key"),
    h(
      "div.secret-line",
      value,
      h("button.button.small", { type: "button", click: toggle }, icon("eye"), word),
      copyButton(async () => (await reveal()).key, { what: "the key" }),
    ),
    problem,
  );
}

function renderSnippets(snippets, keyName, reveal) {
  const items = snippets.map((snippet) => ({
    id: snippet.id,
    title: snippet.title,
    panel: codeBlock(snippet.text, {
      language: snippet.language,
      label: `${snippet.title} snippet`,
      copyText: async () => (await reveal()).snippets.find((other) => other.id === snippet.id)?.text ?? snippet.text,
    }),
  }));
  return [
    renderTabs(items, {
      label: `Snippets for ${keyName}`,
      selected: preferences.get("snippet") ?? undefined,
      onSelect: (id) => preferences.set("snippet", id),
    }),
    h("p.muted.small-note", "Copy puts the real secret into the snippet."),
  ];
}

// Calls an async function once; a failure is not remembered.
function once(call) {
  let result = null;
  return () => {
    result ??= call().catch((error) => {
      result = null;
      throw error;
    });
    return result;
  };
}
