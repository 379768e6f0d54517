// A button that asks in its own place before it acts.

import { h, icon } from "./dom.mjs";
import { isAbort } from "./api.mjs";

// Returns the button. `act` returns a promise; `onError` gets its error.
export function confirmButton({ label, question, confirmLabel, act, onError, iconName = null, kind = "small" }) {
  const place = h("span.confirm");
  const start = h(`button.button.${kind}`, { type: "button", click: ask }, iconName ? icon(iconName) : null, label);
  function ask() {
    const yes = h("button.button.small.danger", { type: "button", click: run }, confirmLabel);
    const no = h("button.button.small", { type: "button", click: stop }, "Cancel");
    const group = h(
      "span.confirm-group",
      { role: "group", "aria-label": question },
      h("span.confirm-question", question),
      yes,
      no,
    );
    group.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      stop();
    });
    place.replaceChildren(group);
    yes.focus();
  }
  function stop() {
    place.replaceChildren(start);
    start.focus();
  }
  async function run() {
    for (const button of place.querySelectorAll("button")) button.disabled = true;
    try {
      await act();
    } catch (error) {
      if (!isAbort(error)) onError?.(error);
    }
    if (place.isConnected) stop();
  }
  place.append(start);
  return place;
}
