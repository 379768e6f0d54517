// The rows of the log that the page holds: in the order of their numbers, and at most `MAX_ROWS`.

export const MAX_ROWS = 10_000;
// Rows are dropped in blocks, so that a full list is not moved for each new row.
const DROP_BLOCK = 500;

export class LogRows {
  #rows = [];

  get length() {
    return this.#rows.length;
  }

  get first() {
    return this.#rows[0]?.seq ?? null;
  }

  get last() {
    return this.#rows.at(-1)?.seq ?? null;
  }

  at(index) {
    return this.#rows[index];
  }

  // Adds newer rows. Returns how many of the oldest rows were dropped for them.
  append(rows) {
    const last = this.last ?? -1;
    for (const row of rows) if (row.seq > last) this.#rows.push(row);
    if (this.length <= MAX_ROWS) return 0;
    const dropped = Math.min(this.length - MAX_ROWS + DROP_BLOCK, this.length);
    this.#rows.splice(0, dropped);
    return dropped;
  }

  // Adds older rows, as far as there is space. Returns how many were added.
  prepend(rows) {
    const first = this.first ?? Infinity;
    const older = rows.filter((row) => row.seq < first);
    const space = Math.max(MAX_ROWS - this.length, 0);
    const added = space === 0 ? [] : older.slice(-space);
    this.#rows.unshift(...added);
    return added.length;
  }

  clear() {
    this.#rows = [];
  }

  // Returns the index of a row, or -1.
  indexOf(seq) {
    let [low, high] = [0, this.length - 1];
    while (low <= high) {
      const middle = (low + high) >> 1;
      const found = this.#rows[middle].seq;
      if (found === seq) return middle;
      if (found < seq) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }
}
