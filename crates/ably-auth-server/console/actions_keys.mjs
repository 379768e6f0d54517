// Actions on keys and tokens: issue, revoke and rotate.

import { createAction } from "./action.mjs";
import { codeBlock } from "./code.mjs";
import { copyButton, copyableTime } from "./copy.mjs";
import { h } from "./dom.mjs";
import { choice, durationField, field, select, textInput } from "./fields.mjs";
import { renderReport } from "./report.mjs";

const keySelect = (keys) => select(keys.map((name) => [name, name]));

// Issues a token or a JWT.
export function issueAction(context, keys) {
  const key = keySelect(keys);
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
    id: "issue",
    title: "Issue a token",
    about: "Signs a token or a JWT with a key, as a backend would.",
    submit: "Issue",
    fields: [
      h("div.field-row", field("Key", key), kind.element),
      h("div.field-row", field("clientId", client, "Empty: none."), ttl.element),
      field("Capability", capability, "Empty: everything that the key permits."),
    ],
    request: () => ({
      method: "POST",
      path: "tokens",
      body: withoutEmpty({
        keyName: key.value,
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
export function revokeAction(context, keys) {
  const key = keySelect(keys);
  const type = select([
    ["clientId", "clientId"],
    ["revocationKey", "revocationKey"],
    ["channel", "channel"],
  ]);
  const value = textInput({ required: true });
  const margin = h("input", { type: "checkbox" });
  return createAction(context, {
    id: "revoke",
    title: "Revoke tokens",
    about: "Revokes the tokens that a key issued up to now and that match a target.",
    submit: "Revoke",
    fields: [
      field("Key", key),
      h("div.field-row", field("Target", type), field("Value", value)),
      h("label.check-field", margin, "Give clients 30 seconds to renew first"),
    ],
    request: () => ({
      method: "POST",
      path: "revocations",
      body: {
        keyName: key.value,
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
export function rotateAction(context, keys) {
  const key = keySelect(keys);
  return createAction(context, {
    id: "rotate",
    title: "Rotate a key",
    about: "Replaces a key by a new one with the same rights. What the old secret signed is refused from then on.",
    submit: "Rotate",
    question: "The old secret ends now.",
    fields: [field("Key", key)],
    request: () => ({ method: "POST", path: `keys/${encodeURIComponent(key.value)}/rotate`, body: {} }),
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
