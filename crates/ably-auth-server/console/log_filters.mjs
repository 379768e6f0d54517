// The filters of the log, which are part of its address.

import { h, icon, uniqueId } from "./dom.mjs";

const FIELDS = [
  { name: "key", label: "Key", placeholder: "app.key or app.*" },
  { name: "clientId", label: "Client", placeholder: "bob or b*" },
  { name: "channel", label: "Channel", placeholder: "chat or chat:*" },
  { name: "code", label: "Code", placeholder: "40101", inputmode: "numeric" },
  { name: "kind", label: "Kind", options: ["request", "connection", "message"] },
  { name: "outcome", label: "Outcome", options: ["granted", "refused", "failed"] },
];
const TYPING_MS = 300;

// Returns the filters of an address, without anything else that its query has.
export function readFilters(query) {
  return Object.fromEntries(
    FIELDS.map(({ name }) => [name, query.get(name) ?? ""]).filter(([, value]) => value !== ""),
  );
}

// Creates the filters. `onChange` gets their values, without those that are empty.
export function createFilters({ onChange }) {
  const controls = new Map();
  const counter = h("span.count");
  const clear = h("button.button.small.ghost", { type: "button", hidden: true, click: clearAll }, "Clear filters");
  const fieldsId = uniqueId("filters");
  // Narrow pages show the fields only after a press of this button; wide ones hide the button.
  const toggle = h(
    "button.button.small.filters-toggle",
    {
      type: "button",
      "aria-expanded": "false",
      "aria-controls": fieldsId,
      click: () => setOpen(!element.classList.contains("open")),
    },
    icon("filter"),
    "Filter",
    counter,
  );
  const submit = (event) => {
    event.preventDefault();
    changed();
  };
  const form = h(
    "form.filter-fields",
    { id: fieldsId, role: "search", "aria-label": "Filter the log", submit },
    FIELDS.map(field),
    clear,
  );
  const element = h("div.filters", form);
  let timer = null;

  function setOpen(isOpen) {
    element.classList.toggle("open", isOpen);
    toggle.setAttribute("aria-expanded", String(isOpen));
  }

  function field(spec) {
    const id = uniqueId("filter");
    const control = spec.options
      ? h(
          "select",
          { id, change: changed },
          h("option", { value: "" }, "Any"),
          spec.options.map((option) => h("option", { value: option }, option)),
        )
      : h("input", {
          id,
          type: "text",
          placeholder: spec.placeholder,
          inputmode: spec.inputmode,
          autocomplete: "off",
          autocapitalize: "off",
          spellcheck: "false",
          input: typed,
        });
    controls.set(spec.name, control);
    return h("div.filter", h("label", { for: id }, spec.label), control);
  }

  function typed() {
    clearTimeout(timer);
    timer = setTimeout(changed, TYPING_MS);
  }

  function changed() {
    clearTimeout(timer);
    showCount();
    onChange(values());
  }

  function clearAll() {
    for (const control of controls.values()) control.value = "";
    changed();
    controls.get("key").focus();
  }

  function values() {
    return Object.fromEntries(
      [...controls].map(([name, control]) => [name, control.value.trim()]).filter(([, value]) => value !== ""),
    );
  }

  function showCount() {
    const set = Object.keys(values()).length;
    counter.textContent = set > 0 ? String(set) : "";
    clear.hidden = set === 0;
  }

  return {
    element,
    toggle,
    // Shows the values of an address.
    set(query) {
      for (const [name, control] of controls) {
        // The reader may be typing in it.
        if (document.activeElement !== control) control.value = query.get(name) ?? "";
      }
      showCount();
    },
    // Moves the focus to the first filter.
    focus() {
      setOpen(true);
      controls.get("key").focus();
    },
    clear: clearAll,
    close: () => clearTimeout(timer),
  };
}
