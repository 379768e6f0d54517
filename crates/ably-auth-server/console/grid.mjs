// A virtual list with the semantics of a grid: only the visible rows are elements, and each row has the same height.
//
// The list follows its end until the reader scrolls away. The keyboard moves an active row, which stays the same row
// when others are added or dropped.

import { h, uniqueId } from "./dom.mjs";

const OVERSCAN = 8;

export class Grid {
  // The number of the active row, or null.
  active = null;
  // True if new rows scroll the list.
  following = true;
  #rows;
  #columns;
  #on;
  #id = uniqueId("grid");
  // The rows that are elements, with what was drawn of them, by their numbers.
  #drawn = new Map();
  #body = h("div.grid-body", { role: "rowgroup" });
  #rowHeight = 36;
  #frame = null;
  #observer;

  // `columns` have `id`, `label` and `render(row)`; `on` has `open(seq)`, `move(seq)`, `follow(boolean)` and `top()`.
  constructor({ label, rows, columns, on }) {
    this.#rows = rows;
    this.#columns = columns;
    this.#on = on;
    const head = columns.map((column) => h(`div.cell.cell-${column.id}`, { role: "columnheader" }, column.label));
    this.element = h(
      "div.grid",
      { role: "grid", tabindex: "0", "aria-label": label, "aria-colcount": columns.length },
      h("div.grid-head", { role: "rowgroup" }, h("div.grid-row", { role: "row", "aria-rowindex": "1" }, head)),
      this.#body,
    );
    this.element.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.element.addEventListener("keydown", (event) => this.#pressed(event));
    this.#body.addEventListener("click", (event) => this.#clicked(event));
    this.#observer = new ResizeObserver(() => this.#resized());
    this.#observer.observe(this.element);
    this.changed();
  }

  close() {
    this.#observer.disconnect();
    cancelAnimationFrame(this.#frame);
  }

  // Draws the list after its rows changed. `shift` is how many rows were added before the first one; it is negative if
  // rows were dropped there.
  changed({ shift = 0 } = {}) {
    this.#body.style.setProperty("block-size", `${this.#rows.length * this.#rowHeight}px`);
    this.element.setAttribute("aria-rowcount", String(this.#rows.length + 1));
    if (this.following) this.#toEnd();
    else if (shift !== 0) this.element.scrollTop += shift * this.#rowHeight;
    this.#schedule();
  }

  // Scrolls to the newest row and follows it.
  follow() {
    this.#setFollowing(true);
    this.#toEnd();
    this.#schedule();
  }

  // Makes a row the active one and scrolls to it.
  activate(seq) {
    this.active = seq;
    const index = this.#rows.indexOf(seq);
    if (index >= 0) this.#reveal(index);
    this.#draw();
  }

  #toEnd() {
    this.element.scrollTop = this.element.scrollHeight;
  }

  #setFollowing(next) {
    if (this.following === next) return;
    this.following = next;
    this.#on.follow(next);
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.element;
    this.#setFollowing(scrollHeight - scrollTop - clientHeight < this.#rowHeight);
    if (scrollTop < this.#rowHeight * OVERSCAN && this.#rows.length > 0) this.#on.top();
    this.#schedule();
  }

  #resized() {
    const style = getComputedStyle(this.element);
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const height = Math.round(parseFloat(style.getPropertyValue("--row-rem")) * rem);
    if (height > 0 && height !== this.#rowHeight) {
      const top = this.element.scrollTop / this.#rowHeight;
      this.#rowHeight = height;
      this.element.style.setProperty("--row-height", `${height}px`);
      this.changed();
      if (!this.following) this.element.scrollTop = top * height;
    }
    if (this.following) this.#toEnd();
    this.#schedule();
  }

  #schedule() {
    this.#frame ??= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = null;
    const first = Math.max(Math.floor(this.element.scrollTop / this.#rowHeight) - OVERSCAN, 0);
    const visible = Math.ceil(this.element.clientHeight / this.#rowHeight) + 2 * OVERSCAN;
    const rows = [];
    for (let index = first; index < Math.min(first + visible, this.#rows.length); index += 1)
      rows.push(this.#rows.at(index));
    // After a restart of the service, other rows have the same numbers.
    const used = new Set(rows);
    for (const [seq, { element, row }] of this.#drawn) {
      if (used.has(row)) continue;
      element.remove();
      this.#drawn.delete(seq);
    }
    // The order of the elements is that of the rows, for screen readers.
    let next = this.#body.firstElementChild;
    rows.forEach((row, at) => {
      const drawn = this.#drawn.get(row.seq) ?? this.#create(row);
      if (drawn.element === next) next = next.nextElementSibling;
      else this.#body.insertBefore(drawn.element, next);
      this.#place(drawn, row, first + at);
    });
    const active = this.#drawn.get(this.active)?.element;
    if (active) this.element.setAttribute("aria-activedescendant", active.id);
    else this.element.removeAttribute("aria-activedescendant");
  }

  #create(row) {
    const cells = this.#columns.map((column) =>
      h(`div.cell.cell-${column.id}`, { role: "gridcell" }, column.render(row)),
    );
    const element = h(
      "div.grid-row",
      { role: "row", id: `${this.#id}-${row.seq}`, "data-seq": row.seq, "data-outcome": row.outcome },
      cells,
    );
    const drawn = { element, row, top: null, isActive: null };
    this.#drawn.set(row.seq, drawn);
    return drawn;
  }

  // Changes only what differs; also a change to the same value costs a layout.
  #place(drawn, row, index) {
    const top = index * this.#rowHeight;
    if (drawn.top !== top) {
      drawn.top = top;
      drawn.element.style.setProperty("transform", `translateY(${top}px)`);
      drawn.element.setAttribute("aria-rowindex", String(index + 2));
    }
    const isActive = row.seq === this.active;
    if (drawn.isActive !== isActive) {
      drawn.isActive = isActive;
      drawn.element.setAttribute("aria-selected", String(isActive));
    }
  }

  #clicked(event) {
    const row = event.target.closest("[data-seq]");
    // The reader may be selecting text.
    if (!row || String(getSelection()) !== "") return;
    this.activate(Number(row.dataset.seq));
    this.#on.open(this.active, { isByKeyboard: false });
  }

  #pressed(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const last = this.#rows.length - 1;
    const at = this.active === null ? -1 : this.#rows.indexOf(this.active);
    const from = at >= 0 ? at : last + 1;
    const page = Math.max(Math.floor(this.element.clientHeight / this.#rowHeight) - 2, 1);
    const to = {
      ArrowUp: from - 1,
      ArrowDown: from + 1,
      PageUp: from - page,
      PageDown: from + page,
      Home: 0,
      End: last,
    }[event.key];
    if (to !== undefined && last >= 0) {
      event.preventDefault();
      this.activate(this.#rows.at(Math.min(Math.max(to, 0), last)).seq);
      if (event.key === "End") this.follow();
      this.#on.move(this.active);
    } else if (event.key === "Enter" && at >= 0) {
      event.preventDefault();
      this.#on.open(this.active, { isByKeyboard: true });
    }
  }

  #reveal(index) {
    const head = this.element.firstElementChild.offsetHeight;
    const top = index * this.#rowHeight;
    const bottom = top + this.#rowHeight + head;
    if (top < this.element.scrollTop) this.element.scrollTop = top;
    else if (bottom > this.element.scrollTop + this.element.clientHeight) {
      this.element.scrollTop = bottom - this.element.clientHeight;
    }
  }
}
