// Buttons that copy a text.

import { h, icon, spoken } from "./dom.mjs";
import { dateTime, iso } from "./format.mjs";

const SHOWN_MS = 1600;

// Returns a button that copies. `text` is a string, or a function that returns one or a promise of one.
export function copyButton(text, { label = "Copy", what = "", compact = false, iconName = "copy" } = {}) {
  const word = h("span.copy-word", label);
  const button = h(
    compact ? "button.icon-button" : "button.button.small",
    {
      type: "button",
      title: compact ? `${label} ${what}`.trim() : null,
      click: async () => show(await copy(typeof text === "function" ? text : () => text)),
    },
    icon(iconName),
    compact ? spoken(`${label} ${what}`.trim()) : [word, what === "" ? null : spoken(` ${what}`)],
  );
  const state = h("span.vh", { role: "status" });
  let timer = null;
  const show = (isCopied) => {
    clearTimeout(timer);
    button.dataset.state = isCopied ? "copied" : "failed";
    state.textContent = isCopied ? "Copied" : "Not copied";
    if (!compact) word.textContent = state.textContent;
    button.querySelector("use").setAttribute("href", isCopied ? "#i-check" : "#i-cross");
    timer = setTimeout(() => {
      delete button.dataset.state;
      state.textContent = "";
      word.textContent = label;
      button.querySelector("use").setAttribute("href", `#i-${iconName}`);
    }, SHOWN_MS);
  };
  return h("span.copy", button, state);
}

// Returns a value that a click copies. `raw` is the exact form, if it is shown in another one.
export function copyableValue(shown, raw = shown, title = raw) {
  const state = h("span.vh", { role: "status" });
  const button = h(
    "button.value",
    {
      type: "button",
      title: title === shown ? "Copy" : `${title}\nClick to copy`,
      click: async () => {
        const isCopied = await copy(() => String(raw));
        state.textContent = isCopied ? "Copied" : "Not copied";
        button.dataset.state = isCopied ? "copied" : "failed";
        setTimeout(() => {
          state.textContent = "";
          delete button.dataset.state;
        }, SHOWN_MS);
      },
    },
    shown,
  );
  return h("span.copy", button, state);
}

// Returns a date and time in the reader's locale; a click copies the milliseconds.
export const copyableTime = (ms) =>
  copyableValue(h("time", { datetime: iso(ms) }, dateTime(ms)), String(ms), `${iso(ms)} · ${ms}`);

// Returns whether the text is on the clipboard.
async function copy(read) {
  try {
    const text = await read();
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else return copyBySelection(text);
    return true;
  } catch {
    return false;
  }
}

// Copies without the clipboard API, which browsers offer only to secure origins. A service in a local network is not one.
function copyBySelection(text) {
  const focused = document.activeElement;
  const area = h("textarea.vh", { "aria-hidden": "true", tabindex: "-1" });
  area.value = text;
  document.body.append(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  focused?.focus();
  return isCopied;
}
