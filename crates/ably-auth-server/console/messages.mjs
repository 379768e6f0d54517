// Messages that a view shows instead of content: that it is empty or loads, or an error.

import { h } from "./dom.mjs";
import { prose } from "./prose.mjs";

// Returns an explanation of an empty view.
export const emptyState = (title, ...children) => h("div.empty", h("p.empty-title", title), children);

// Returns an error as the service words it.
export function errorNote(error) {
  const code = error.code ? `${error.code}: ` : "";
  return h(
    "div.note.bad",
    { role: "alert" },
    h("p", code, prose(error.message)),
    error.href ? h("p", h("a", { href: error.href, rel: "noreferrer", target: "_blank" }, "About this error")) : null,
  );
}

// Returns a placeholder. Its style delays it, so that a quick answer doesn't flicker.
export const loading = () => h("p.loading", { role: "status" }, "Loading…");
