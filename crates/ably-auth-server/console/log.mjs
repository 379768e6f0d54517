// The live log: a toolbar, filters, the list of rows, and the story of the chosen row.

import { confirmButton } from "./confirm.mjs";
import { fill, h, icon, uniqueId } from "./dom.mjs";
import { count, number } from "./format.mjs";
import { Grid } from "./grid.mjs";
import { COLUMNS } from "./log_columns.mjs";
import { LogFeed } from "./log_feed.mjs";
import { createFilters, readFilters } from "./log_filters.mjs";
import { emptyState, errorNote, loading } from "./messages.mjs";
import { readHash, writeHash } from "./router.mjs";
import { StoryPanel } from "./story_panel.mjs";

// A story is read after the reader has stopped on its row, not for each row that the arrow keys pass.
const BROWSE_MS = 150;

const STATES = { loading: "Connecting", live: "Live", lost: "Reconnecting", refused: "Stopped" };

export function create(context) {
  const view = new LogView(context);
  return { title: "Log", element: view.element, update: (route) => view.update(route), close: () => view.close() };
}

class LogView {
  #context;
  #feed;
  #grid;
  #filters = createFilters({ onChange: (values) => this.#go(this.#seq, values, true) });
  #story;
  #seq = null;
  #query = null;
  #browse = null;
  #newSince = 0;
  // True until the list has the row of the address and has scrolled to it.
  #isToReveal = false;
  #state = h("span.feed-state");
  #total = h("span.muted.feed-total");
  #pauseWord = h("span");
  #pause = h(
    "button.button.small",
    { type: "button", click: () => this.#togglePause() },
    icon("pause"),
    this.#pauseWord,
  );
  #notice = h("div.feed-notice", { hidden: true });
  #empty = h("div.log-empty");
  #newest = h("button.newest", { type: "button", hidden: true, click: () => this.#follow() });
  #onKey = (event) => this.#pressed(event);

  constructor(context) {
    this.#context = context;
    this.#feed = new LogFeed(context.api, (shift) => this.#changed(shift));
    this.#grid = new Grid({
      label: "Log",
      rows: this.#feed.rows,
      columns: COLUMNS,
      on: {
        open: (seq, { isByKeyboard }) => this.#open(seq, isByKeyboard),
        move: (seq) => this.#moved(seq),
        follow: () => this.#followChanged(),
        top: () => this.#feed.loadOlder(),
      },
    });
    this.#story = new StoryPanel(context, {
      onClose: () => this.#closeStory(),
      onStep: (step) => this.#step(step),
      hashOf: (seq) => writeHash("log", seq, this.#query ?? {}),
    });
    const clear = confirmButton({
      label: "Clear",
      iconName: "trash",
      question: "Clear the log of the service?",
      confirmLabel: "Clear",
      act: () => this.#feed.clear(),
      onError: (error) => this.#showNotice(errorNote(error)),
    });
    const keys = h(
      "p.log-keys",
      { id: uniqueId("keys") },
      [
        ["↑ ↓", "move"],
        ["Enter", "opens"],
        ["/", "filters"],
        ["Esc", "closes"],
      ].map(([key, what]) => [h("kbd", key), ` ${what} `]),
    );
    this.#grid.element.setAttribute("aria-describedby", keys.id);
    const toolbar = h(
      "div.log-bar",
      h("h1", { tabindex: "-1" }, "Log"),
      this.#state,
      this.#total,
      keys,
      h("div.log-tools", this.#filters.toggle, this.#pause, clear),
    );
    const list = h("div.log-list", this.#grid.element, this.#empty, this.#newest);
    this.element = h(
      "div.log-view",
      toolbar,
      this.#filters.element,
      this.#notice,
      h("div.log-split", list, this.#story.element),
    );
    document.addEventListener("keydown", this.#onKey);
  }

  close() {
    document.removeEventListener("keydown", this.#onKey);
    clearTimeout(this.#browse);
    this.#feed.close();
    this.#grid.close();
    this.#filters.close();
    this.#story.close();
  }

  update({ argument, query }) {
    const values = readFilters(query);
    if (this.#query === null || JSON.stringify(values) !== JSON.stringify(this.#query)) {
      this.#query = values;
      this.#filters.set(query);
      this.#feed.start(values);
      this.#grid.follow();
    }
    const seq = /^\d+$/.test(argument) ? Number(argument) : null;
    if (seq === this.#seq) return;
    this.#seq = seq;
    this.element.classList.toggle("has-story", seq !== null);
    if (seq === null) {
      this.#story.hide();
      return;
    }
    if (this.#grid.active !== seq) {
      this.#grid.activate(seq);
      this.#isToReveal = this.#feed.rows.length === 0;
    }
    this.#story.show(seq);
  }

  #go(seq, query, isReplacing = false) {
    const hash = writeHash("log", seq, query);
    if (hash === location.hash) return;
    if (isReplacing) history.replaceState(null, "", hash);
    else location.hash = hash;
    // The event of a changed hash comes too late for moving the focus.
    this.update(readHash(hash));
  }

  #open(seq, isByKeyboard) {
    this.#go(seq, this.#query);
    // A click leaves the focus in the list, so that the arrow keys browse.
    if (isByKeyboard || this.#isNarrow()) this.#story.focusWhenShown();
  }

  #moved(seq) {
    if (this.#seq === null) return;
    clearTimeout(this.#browse);
    this.#browse = setTimeout(() => this.#go(seq, this.#query, true), BROWSE_MS);
  }

  #step(step) {
    const at = this.#feed.rows.indexOf(this.#seq);
    const row = at < 0 ? null : this.#feed.rows.at(at + step);
    if (row) this.#go(row.seq, this.#query, true);
  }

  #closeStory() {
    clearTimeout(this.#browse);
    this.#go(null, this.#query);
    this.#grid.element.focus({ preventScroll: true });
  }

  #isNarrow() {
    return getComputedStyle(this.#story.element).position === "fixed";
  }

  #togglePause() {
    if (this.#feed.isPaused) this.#feed.unpause();
    else this.#feed.pause();
    this.#context.announce(this.#feed.isPaused ? "Paused" : "Live again");
  }

  #follow() {
    if (this.#feed.isPaused) this.#feed.unpause();
    this.#grid.follow();
    this.#grid.element.focus({ preventScroll: true });
  }

  #followChanged() {
    this.#newSince = this.#feed.rows.last ?? 0;
    this.#showNewest();
  }

  #changed(shift) {
    this.#grid.changed({ shift });
    if (this.#isToReveal && this.#feed.rows.length > 0) {
      this.#isToReveal = false;
      this.#grid.activate(this.#seq);
    }
    const { rows, state, isPaused, waitingCount, skipped, error } = this.#feed;
    this.#state.textContent = isPaused ? "Paused" : STATES[state];
    this.#state.dataset.state = isPaused ? "paused" : state;
    this.#total.textContent = count(rows.length, "row");
    this.#pauseWord.textContent = !isPaused
      ? "Pause"
      : waitingCount > 0
        ? `Resume (${number(waitingCount)} new)`
        : "Resume";
    this.#pause.querySelector("use").setAttribute("href", isPaused ? "#i-play" : "#i-pause");
    this.#showEmpty(rows.length, state, error);
    this.#showSkipped(skipped);
    this.#showNewest();
  }

  #showNewest() {
    const { rows } = this.#feed;
    this.#newest.hidden = this.#grid.following || rows.length === 0;
    if (this.#newest.hidden) return;
    let fresh = 0;
    while (fresh < rows.length && rows.at(rows.length - 1 - fresh).seq > this.#newSince) fresh += 1;
    const text = fresh > 0 ? `${count(fresh, "new row")}` : "Newest";
    if (this.#newest.textContent !== text) fill(this.#newest, icon("down"), text);
  }

  #showEmpty(length, state, error) {
    const kind = length > 0 ? "" : state === "live" ? (this.#isFiltered() ? "filtered" : "empty") : state;
    if (this.#empty.dataset.kind === kind) return;
    this.#empty.dataset.kind = kind;
    const contents = {
      loading: () => loading(),
      refused: () => [
        errorNote(error),
        h(
          "p.retry",
          h("button.button.small", { type: "button", click: () => this.#feed.start(this.#query) }, "Try again"),
        ),
      ],
      filtered: () =>
        emptyState(
          "No row matches the filters",
          h("button.button.small", { type: "button", click: () => this.#filters.clear() }, "Clear filters"),
        ),
      empty: () =>
        emptyState(
          "Nothing here yet",
          h("p", "Send a request to this service; it appears here with each check that the service made."),
          h("p", h("a", { href: "#/overview" }, "Snippets that send one")),
        ),
    };
    fill(this.#empty, contents[kind]?.() ?? null);
  }

  #showSkipped(skipped) {
    if (skipped === 0) {
      if (this.#notice.dataset.skipped) this.#showNotice(null);
      return;
    }
    if (this.#notice.dataset.skipped === String(skipped)) return;
    const reload = h("button.button.small", { type: "button", click: () => this.#feed.start(this.#query) }, "Reload");
    this.#showNotice([h("span", `${count(skipped, "row")} came too fast to be shown.`), reload]);
    this.#notice.dataset.skipped = String(skipped);
  }

  #showNotice(content) {
    this.#notice.hidden = content === null;
    delete this.#notice.dataset.skipped;
    fill(this.#notice, content);
  }

  #isFiltered() {
    return Object.keys(this.#query ?? {}).length > 0;
  }

  #pressed(event) {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
    const isTyping = event.target.closest("input, select, textarea, dialog");
    if (event.key === "/" && !isTyping) {
      event.preventDefault();
      this.#filters.focus();
    } else if (event.key === "Escape" && isTyping && this.#filters.element.contains(event.target)) {
      this.#grid.element.focus({ preventScroll: true });
    } else if (event.key === "Escape" && !isTyping && this.#seq !== null) {
      this.#closeStory();
    }
  }
}
