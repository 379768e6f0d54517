// Form fields with labels.

import { h, uniqueId } from "./dom.mjs";

// Returns a control with its label, and a hint that screen readers read with it.
export function field(label, control, hint = null) {
  control.id ||= uniqueId("field");
  const hintId = hint === null ? null : uniqueId("hint");
  if (hintId !== null) control.setAttribute("aria-describedby", hintId);
  return h(
    "div.field",
    h("label", { for: control.id }, label),
    control,
    hintId === null ? null : h("p.field-hint", { id: hintId }, hint),
  );
}

// Returns a text input. `attributes` are those of the element.
export const textInput = (attributes = {}) =>
  h("input", { type: "text", autocomplete: "off", autocapitalize: "off", spellcheck: "false", ...attributes });

// Returns a whole number's input.
export const numberInput = (value, { min = 0, ...attributes } = {}) =>
  h("input", { type: "number", value, min, step: "1", inputmode: "numeric", required: true, ...attributes });

// Returns a select. `options` are pairs of a value and a text.
export const select = (options) =>
  h(
    "select",
    options.map(([value, text]) => h("option", { value }, text)),
  );

// Returns a group of radio buttons that look like one control, and a function that reads the chosen value.
export function choice(legend, options) {
  const name = uniqueId("choice");
  const element = h(
    "fieldset.choice",
    h("legend", legend),
    h(
      "div.choice-options",
      options.map(([value, text], index) =>
        h("label", h("input", { type: "radio", name, value, checked: index === 0 }), h("span", text)),
      ),
    ),
  );
  return { element, value: () => element.querySelector("input:checked").value };
}

const UNITS = [
  ["1000", "seconds"],
  ["60000", "minutes"],
  ["3600000", "hours"],
  ["86400000", "days"],
];

// Returns a number with a unit of time, and a function that reads it in ms, or null if it is empty.
export function durationField(label, value, unit, { hint = null, required = false } = {}) {
  const amount = h("input", { type: "number", value, min: "1", step: "any", inputmode: "decimal", required });
  const units = select(UNITS);
  units.value = String(unit);
  units.setAttribute("aria-label", `Unit of ${label.toLowerCase()}`);
  const group = field(label, amount, hint);
  const pair = h("div.duration");
  amount.replaceWith(pair);
  pair.append(amount, units);
  return {
    element: group,
    ms: () => (amount.value === "" ? null : Math.round(Number(amount.value) * Number(units.value))),
  };
}
