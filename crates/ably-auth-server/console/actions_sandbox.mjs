// Actions on the sandbox as a whole: its clock, faults and its state.

import { createAction } from "./action.mjs";
import { copyableTime } from "./copy.mjs";
import { h } from "./dom.mjs";
import { choice, durationField, field, numberInput } from "./fields.mjs";
import { count, duration } from "./format.mjs";

// Moves the clock of the service.
export function clockAction(context) {
  const by = durationField("Advance by", "1", 3_600_000, { required: true });
  const state = h("p");
  return createAction(context, {
    id: "clock",
    title: "Move the clock",
    about: "Moves the clock of the service forward, so that tokens expire now instead of later.",
    submit: "Advance",
    fields: [state, by.element],
    request: () => ({ method: "POST", path: "clock", body: { advanceMs: by.ms() ?? 0 } }),
    render: ({ now, clockAheadMs }) =>
      h("div.note.good", h("p", "The service's time is ", copyableTime(now), `, ${duration(clockAheadMs)} ahead.`)),
    refresh: ({ service }) => {
      const ahead = service.clockAheadMs;
      setText(state, ahead ? `Now ${duration(ahead)} ahead of real time.` : "Now at real time.");
    },
  });
}

// Makes the next requests fail or wait.
export function faultsAction(context) {
  const kind = choice("Next requests", [
    ["refuse", "Refuse"],
    ["delay", "Delay"],
    ["drop", "Drop"],
  ]);
  const times = numberInput("3", { min: 1 });
  const code = numberInput("40142", { min: 1 });
  const delay = numberInput("2000", { min: 1 });
  const codeField = field("Code", code, "40142 is an expired token; clients renew it.");
  const delayField = field("Delay in ms", delay);
  const stop = h(
    "button.button",
    {
      type: "button",
      hidden: true,
      click: () =>
        action.run({ method: "DELETE", path: "faults" }, () => h("div.note.good", h("p", "No faults are active."))),
    },
    "Stop faults",
  );
  const state = h("p");
  const showFields = () => {
    codeField.hidden = kind.value() !== "refuse";
    delayField.hidden = kind.value() !== "delay";
    code.disabled = codeField.hidden;
    delay.disabled = delayField.hidden;
  };
  kind.element.addEventListener("change", showFields);
  showFields();
  const action = createAction(context, {
    id: "faults",
    title: "Inject faults",
    about:
      "Refuses, delays or drops the next requests, so that you see how your code reacts. The console is not affected.",
    submit: "Inject",
    extra: stop,
    fields: [state, kind.element, h("div.field-row", field("How many", times), codeField, delayField)],
    request: () => ({ method: "PUT", path: "faults", body: faultBody(kind.value(), times, code, delay) }),
    render: (fault) => h("div.note.good", h("p", fault ? `Active: ${faultText(fault)}.` : "No faults are active.")),
    refresh: ({ faults }) => {
      stop.hidden = !faults;
      setText(state, faults ? `Active: ${faultText(faults)}.` : "No faults are active.");
    },
  });
  return action;
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Removes everything that was made at run time.
export function resetAction(context) {
  return createAction(context, {
    id: "reset",
    title: "Reset",
    about: "Removes all messages, revocations, used nonces and changes of keys, and ends all connections.",
    submit: "Reset",
    question: "Everything made since the start is lost.",
    fields: [],
    request: () => ({ method: "POST", path: "reset", body: {} }),
    render: () => h("div.note.good", h("p", "The sandbox is as it was at its start.")),
  });
}

function faultBody(kind, times, code, delay) {
  const body = { kind, count: Number(times.value) };
  if (kind === "refuse") body.code = Number(code.value);
  if (kind === "delay") body.delayMs = Number(delay.value);
  return body;
}

function faultText({ kind, left, code, delayMs }) {
  const requests = `${count(left, "more request")}`;
  if (kind === "refuse") return `refuse ${requests} with ${code}`;
  return kind === "delay" ? `delay ${requests} by ${duration(delayMs)}` : `drop ${requests}`;
}
