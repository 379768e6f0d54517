// The actions that the service offers.

import { clockAction, faultsAction, resetAction } from "./actions_sandbox.mjs";
import { issueAction, revokeAction, rotateAction } from "./actions_keys.mjs";
import { fill, h } from "./dom.mjs";
import { emptyState, errorNote, loading } from "./messages.mjs";

const ACTIONS = [
  ["issue", issueAction],
  ["revoke", revokeAction],
  ["rotate", rotateAction],
  ["clock", clockAction],
  ["faults", faultsAction],
  ["reset", resetAction],
];

export function create(context) {
  const list = h("div.action-list", loading());
  const jump = h("nav.jump", { "aria-label": "Actions" });
  const element = h("div.view", h("h1", { tabindex: "-1" }, "Act"), jump, list);
  let actions = [];
  let drawn = null;
  const close = context.service.subscribe(({ value, error }) => {
    if (value === null) {
      fill(list, errorNote(error));
      return;
    }
    // The forms stay while the page is open, so that inputs and results are not lost.
    const next = JSON.stringify(value.service.can);
    if (next !== drawn) {
      drawn = next;
      actions = ACTIONS.filter(([name]) => context.service.can(name)).map(([, createOne]) => createOne(context));
      fill(
        list,
        actions.length > 0
          ? actions.map((action) => action.element)
          : emptyState("No actions", h("p", "This service offers no actions in its console.")),
      );
      fill(
        jump,
        actions.map((action) =>
          h("button.button.small", { type: "button", click: () => jumpTo(action) }, action.title),
        ),
      );
    }
    for (const action of actions) action.refresh(value);
  });
  return { title: "Act", element, update() {}, close };
}

// Scrolls to an action. The address stays that of the view.
function jumpTo(action) {
  action.element.scrollIntoView({ block: "start" });
  action.element.querySelector("input, select, textarea, button")?.focus({ preventScroll: true });
}
