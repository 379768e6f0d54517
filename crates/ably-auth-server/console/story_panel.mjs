// The panel of one row of the log: at the side on wide pages, over the list on narrow ones.

import { isAbort } from "./api.mjs";
import { copyButton } from "./copy.mjs";
import { fill, h, icon, spoken } from "./dom.mjs";
import { errorNote, loading } from "./messages.mjs";
import { renderStory } from "./story.mjs";

export class StoryPanel {
  #context;
  #on;
  #request = null;
  #seq = null;
  #takesFocus = false;
  #title = h("h2", { tabindex: "-1" });
  #body = h("div.story-body");

  // `on` has `onClose()`, `onStep(number)` and `hashOf(seq)`.
  constructor(context, on) {
    this.#context = context;
    this.#on = on;
    const button = (name, label, act) =>
      h("button.icon-button", { type: "button", title: label, click: act }, icon(name), spoken(label));
    this.element = h(
      "section.story",
      { "aria-label": "Story of a row", hidden: true },
      h(
        "div.story-head",
        h("button.button.small.story-back", { type: "button", click: on.onClose }, icon("left"), "Log"),
        this.#title,
        h(
          "div.story-tools",
          button("up", "Previous row", () => on.onStep(-1)),
          button("down", "Next row", () => on.onStep(1)),
          copyButton(() => new URL(on.hashOf(this.#seq), location.href).href, {
            label: "Copy link",
            what: "to this row",
            compact: true,
            iconName: "link",
          }),
          h("span.story-close", button("cross", "Close", on.onClose)),
        ),
      ),
      this.#body,
    );
  }

  // Shows the story of a row. The last one stays until this one has arrived.
  async show(seq) {
    this.#request?.abort();
    const request = new AbortController();
    this.#request = request;
    this.#seq = seq;
    this.#title.textContent = `Row ${seq}`;
    this.#body.setAttribute("aria-busy", "true");
    if (this.element.hidden) fill(this.#body, loading());
    this.element.hidden = false;
    this.#focus();
    try {
      const story = await this.#context.api.get(`log/${seq}`, { signal: request.signal });
      this.#replace(renderStory(story, { inspect: this.#context.inspect, hashOf: this.#on.hashOf }));
    } catch (error) {
      if (isAbort(error) || request.signal.aborted) return;
      this.#replace(error.status === 404 ? dropped(seq) : errorNote(error));
    }
  }

  hide() {
    this.#request?.abort();
    this.#seq = null;
    this.element.hidden = true;
    this.#body.replaceChildren();
  }

  close() {
    this.#request?.abort();
  }

  // Moves the focus to the title.
  focusWhenShown() {
    this.#takesFocus = true;
    if (!this.element.hidden) this.#focus();
  }

  #focus() {
    if (!this.#takesFocus) return;
    this.#takesFocus = false;
    this.#title.focus({ preventScroll: true });
  }

  #replace(content) {
    fill(this.#body, content);
    this.#body.removeAttribute("aria-busy");
    this.#body.scrollTop = 0;
  }
}

function dropped(seq) {
  return h(
    "div.empty",
    h("p.empty-title", `Row ${seq} is no longer in the log`),
    h("p", "The log has a limited size and drops its oldest rows. It is empty after a restart."),
  );
}
