// Actions on keys and tokens: issue, revoke and rotate.

import { createAction } from "./action.mjs";
import { codeBlock } from "./code.mjs";
import { copyButton, copyableTime } from "./copy.mjs";
import { fill, h } from "./dom.mjs";
import { choice, durationField, field, select, textInput } from "./fields.mjs";
import { renderReport } from "./report.mjs";

// Creates a select of the keys, and a function that shows the keys of an overview in it.
function keySelect() {
  const element = select([]);
  let shown = "";
  const refresh = ({ apps }) => {
    const names = apps.flatMap((app) => app.keys.filter((key) => key.enabled).map((key) => key.name));
    if (shown === names.join()) return;
    shown = names.join();
    const { value } = element;
    fill(
      element,
      names.map((name) => h("option", { value: name }, name)),
    );
    if (names.includes(value)) element.value = value;
  };
  return { element, refresh };
}

// Issues a token or a JWT.
export function issueAction(context) {
  const key = keySelect();
  const kind = choice("Kind", [
    ["token", "Token"],
    ["jwt", "JWT"],
  ]);
  const ttl = durationField("Lifetime", "", 60_000, { hint: "Empty: the default of the service." });
  const client = textInput();
  const capability = h("textarea.code-input", {
    rows: "2",
    spellcheck: "false",
    placeholder: '{"chat:*":["subscribe"]}',
  });
  return createAction(context, {
    refresh: key.refresh,
    id: "issue",
    title: "Issue a token",
    about: "Signs a token or a JWT with a key, as a backend would.",
    submit: "Issue",
    fields: [
      h("div.field-row", field("Key", key.element), kind.element),
      h("div.field-row", field("clientId", client, "Empty: none."), ttl.element),
      field("Capability", capability, "Empty: everything that the key permits."),
    ],
    request: () => ({
      method: "POST",
      path: "tokens",
      body: withoutEmpty({
        keyName: key.element.value,
        kind: kind.value(),
        ttlMs: ttl.ms(),
        clientId: client.value,
        capability: capability.value.trim(),
      }),
    }),
    render: ({ token, report }) => [
      h(
        "div.result-head",
        h("h3", report?.title ?? "Token"),
        copyButton(token, { what: "the token" }),
        h("button.button.small", { type: "button", click: () => context.inspect(token) }, "Inspect"),
      ),
      h("p.token.mono", token),
      report ? renderReport(report, { level: 4 }) : null,
    ],
  });
}

// Revokes tokens by a target.
export function revokeAction(context) {
  const key = keySelect();
  const type = select([
    ["clientId", "clientId"],
    ["revocationKey", "revocationKey"],
    ["channel", "channel"],
  ]);
  const value = textInput({ required: true });
  const margin = h("input", { type: "checkbox" });
  return createAction(context, {
    refresh: key.refresh,
    id: "revoke",
    title: "Revoke tokens",
    about: "Revokes the tokens that a key issued up to now and that match a target.",
    submit: "Revoke",
    fields: [
      field("Key", key.element),
      h("div.field-row", field("Target", type), field("Value", value)),
      h("label.check-field", margin, "Give clients 30 seconds to renew first"),
    ],
    request: () => ({
      method: "POST",
      path: "revocations",
      body: {
        keyName: key.element.value,
        targets: [`${type.value}:${value.value.trim()}`],
        ...(margin.checked ? { allowReauthMargin: true } : {}),
      },
    }),
    render: (answer) => [
      h("h3", "Answer of the service"),
      codeBlock(JSON.stringify(answer, null, 2), { language: "json", label: "Answer of the service" }),
    ],
  });
}

// Replaces the secret of a key.
export function rotateAction(context) {
  const key = keySelect();
  return createAction(context, {
    refresh: key.refresh,
    id: "rotate",
    title: "Rotate a key",
    about: "Replaces a key by a new one with the same rights. What the old secret signed is refused from then on.",
    submit: "Rotate",
    question: "The old secret ends now.",
    fields: [field("Key", key.element)],
    request: () => ({ method: "POST", path: `keys/${encodeURIComponent(key.element.value)}/rotate`, body: {} }),
    render: (answer) => [
      h("div.result-head", h("h3", "New key"), copyButton(answer.key, { what: "the new key" })),
      h("p.token.mono", answer.key),
      answer.expires ? h("p.muted", "Expires ", copyableTime(answer.expires)) : null,
    ],
  });
}

function withoutEmpty(members) {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== "" && value !== null));
}
