// The frame of the page: navigation, the state of the service, the theme, the admin token and the current view.

import { Api } from "./api.mjs";
import { fill, h } from "./dom.mjs";
import { count, duration } from "./format.mjs";
import { readHash } from "./router.mjs";
import { ServiceState } from "./service_state.mjs";
import { nextTheme, theme } from "./theme.mjs";
import { askForToken } from "./token_dialog.mjs";

// Each view exports `create(context)`, which returns `{ title, element, update(route), close() }`.
const MODULES = {
  overview: () => import("./overview.mjs"),
  log: () => import("./log.mjs"),
  inspect: () => import("./inspect.mjs"),
  connections: () => import("./connections.mjs"),
  act: () => import("./act.mjs"),
};

const main = document.getElementById("main");
const banner = document.getElementById("banner");
const announcer = document.getElementById("announcer");

const api = new Api({ askForToken, onReachable: showReachable });
const service = new ServiceState(api);
const context = {
  api,
  service,
  // A credential that another view passes to the inspector. It never becomes part of an address.
  handoff: null,
  inspect(text) {
    context.handoff = text;
    location.hash = "#/inspect";
  },
  // Says a text to screen readers.
  announce(text) {
    announcer.textContent = text;
  },
};

let current = null;
let isReachable = true;

function showReachable(next) {
  if (next === isReachable) return;
  isReachable = next;
  banner.hidden = next;
  banner.textContent = next ? "" : "The service does not answer. This page tries again until it does.";
  document.documentElement.classList.toggle("offline", !next);
  // Whole views may have waited for this.
  if (next) service.refresh();
}

async function route() {
  const next = readHash(location.hash);
  const isNew = current?.view !== next.view;
  if (isNew) {
    current?.shown?.close();
    const mine = { view: next.view, shown: null };
    const isFirst = current === null;
    current = mine;
    for (const link of document.querySelectorAll("[data-view]")) {
      if (link.dataset.view === next.view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    const module = await MODULES[next.view]();
    // The reader may have gone on to another view meanwhile.
    if (current !== mine) return;
    mine.shown = module.create(context);
    document.documentElement.dataset.view = next.view;
    main.replaceChildren(mine.shown.element);
    window.scrollTo(0, 0);
    document.title = `${mine.shown.title} · ably-auth`;
    if (!isFirst) main.querySelector("h1")?.focus({ preventScroll: true });
  }
  // The address may have changed while the module was loaded.
  current.shown?.update(readHash(location.hash));
}

service.subscribe(({ value }) => {
  if (value === null) return;
  const { service: facts, faults } = value;
  const mode = document.getElementById("mode");
  mode.hidden = false;
  mode.textContent = facts.mode;
  fill(
    document.getElementById("service"),
    h(
      "p.service-url",
      h("span.service-dot", { "aria-hidden": "true" }),
      // The admin address does not know under which address the service itself is reached.
      h("span.mono", { title: facts.url ?? location.origin }, new URL(facts.url ?? location.origin).host),
    ),
    h("p.muted", `Version ${facts.version} · ${count(facts.connections, "connection")}`),
    facts.clockAheadMs ? h("a.notice", { href: "#/act" }, `Clock ahead by ${duration(facts.clockAheadMs)}`) : null,
    faults ? h("a.notice", { href: "#/act" }, `Faults: ${faults.kind}, ${faults.left} left`) : null,
  );
});

function showTheme(chosen) {
  const text = `Theme: ${chosen}`;
  document.getElementById("theme-word").textContent = text;
  // Narrow pages hide the words.
  document.getElementById("theme").setAttribute("aria-label", text);
}

document.getElementById("theme").addEventListener("click", () => showTheme(nextTheme()));
// The address is for views, so the link must not change it.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
window.addEventListener("hashchange", route);

showTheme(theme());
service.refresh();
route();
