// The theme: the system's, or the one that the reader chose. `index.html` loads this before the first paint.

import { preferences } from "./storage.mjs";

const THEMES = ["system", "light", "dark"];

// Returns the chosen theme.
export function theme() {
  const stored = preferences.get("theme");
  return THEMES.includes(stored) ? stored : "system";
}

// Changes to the next theme and returns it.
export function nextTheme() {
  const next = THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length];
  preferences.set("theme", next);
  apply();
  return next;
}

function apply() {
  document.documentElement.dataset.theme = theme();
}

apply();
