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
    const keys = value.apps.flatMap((app) => app.keys.map((key) => key.name));
    // Forms are drawn again only if their choices changed, so that nothing is lost while the reader types.
    const next = JSON.stringify([value.service.can, keys]);
    if (next !== drawn) {
      drawn = next;
      actions = ACTIONS.filter(([name]) => context.service.can(name)).map(([, createOne]) => createOne(context, keys));
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
    for (const action of actions) action.refresh?.(value);
  });
  return { title: "Act", element, update() {}, close };
}

// Scrolls to an action. The address stays that of the view.
function jumpTo(action) {
  action.element.scrollIntoView({ block: "start" });
  action.element.querySelector("input, select, textarea, button")?.focus({ preventScroll: true });
}
