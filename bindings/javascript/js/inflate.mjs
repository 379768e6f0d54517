// Decompresses the module, without waiting and without fetching: DEFLATE, RFC 1951. The file of this package that has the module
// as base64 is a fifth smaller so.

const LENGTH_BASE = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
const LENGTH_BITS = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const CODE_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const MAX_BITS = 15;
// The codes of blocks that have none of their own: literals from 0, 144, 256 and 280 on.
const FIXED = {
  literals: [...Array(144).fill(8), ...Array(112).fill(9), ...Array(24).fill(7), ...Array(8).fill(8)],
  distances: Array(30).fill(5),
};

/** Returns the canonical code with these lengths: the number of codes of each length, and the symbols in the order of their codes. */
function codeOf(lengths) {
  const counts = new Uint16Array(MAX_BITS + 1);
  for (const length of lengths) counts[length] += 1;
  const starts = new Uint16Array(MAX_BITS + 2);
  for (let bits = 1; bits <= MAX_BITS; bits += 1) starts[bits + 1] = starts[bits] + counts[bits];
  const symbols = new Uint16Array(lengths.length);
  for (let symbol = 0; symbol < lengths.length; symbol += 1) {
    const length = lengths[symbol];
    if (length > 0) symbols[starts[length]++] = symbol;
  }
  return { counts, symbols };
}

/** The bits of the input. */
class Bits {
  #input;
  #at = 0;
  held = 0;
  count = 0;

  constructor(base64) {
    this.#input = atob(base64);
  }

  /** Holds at least 15 bits, the length of the longest code. After the end of the input, they are zero. */
  fill() {
    while (this.count < MAX_BITS) {
      this.held |= this.#input.charCodeAt(this.#at++) << this.count;
      this.count += 8;
    }
  }

  /** Takes up to 15 bits. */
  take(bits) {
    this.fill();
    const value = this.held & ((1 << bits) - 1);
    this.held >>>= bits;
    this.count -= bits;
    return value;
  }

  /** Reads a code, whose bits come from the first to the last, and returns its symbol. */
  symbol({ counts, symbols }) {
    this.fill();
    let { held } = this;
    let code = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; ; length += 1) {
      code |= held & 1;
      held >>>= 1;
      const count = counts[length];
      if (code < first + count || length === MAX_BITS) {
        this.held = held;
        this.count -= length;
        return symbols[index + code - first];
      }
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
  }

  /** Returns the lengths of the codes of a block. */
  codes() {
    const [literals, distances, codes] = [this.take(5) + 257, this.take(5) + 1, this.take(4) + 4];
    const ofCodes = new Uint8Array(19);
    for (let code = 0; code < codes; code += 1) ofCodes[CODE_ORDER[code]] = this.take(3);
    const lengthCode = codeOf(ofCodes);
    const lengths = new Uint8Array(literals + distances);
    for (let end = 0; end < lengths.length; ) {
      const code = this.symbol(lengthCode);
      if (code < 16) lengths[end++] = code;
      else {
        const times = code === 16 ? this.take(2) + 3 : code === 17 ? this.take(3) + 3 : this.take(7) + 11;
        end += times;
        if (code === 16) lengths.fill(lengths[end - times - 1], end - times, end);
      }
    }
    return { literals: lengths.subarray(0, literals), distances: lengths.subarray(literals) };
  }
}

/** Writes the content of a block, and returns the end of the output. */
function block(bits, literals, distances, output, start) {
  let end = start;
  for (;;) {
    const code = bits.symbol(literals);
    if (code === 256) return end;
    if (code < 256) output[end++] = code;
    else {
      const length = LENGTH_BASE[code - 257] + bits.take(LENGTH_BITS[code - 257]);
      const distanceCode = bits.symbol(distances);
      const extra = distanceCode < 4 ? 0 : (distanceCode >> 1) - 1;
      const distance = (distanceCode < 4 ? distanceCode : (2 + (distanceCode & 1)) << extra) + 1 + bits.take(extra);
      for (const limit = end + length; end < limit; end += 1) output[end] = output[end - distance];
    }
  }
}

/** Returns the decompressed bytes. The input is made by the build, which compares the output. */
export function inflate(base64, size) {
  const [bits, output] = [new Bits(base64), new Uint8Array(size)];
  let end = 0;
  for (let isLast = 0; !isLast; ) {
    isLast = bits.take(1);
    const kind = bits.take(2);
    if (kind === 0) {
      bits.take(bits.count & 7);
      const limit = end + bits.take(8) + (bits.take(8) << 8);
      bits.take(8);
      bits.take(8);
      while (end < limit) output[end++] = bits.take(8);
    } else {
      const { literals, distances } = kind === 1 ? FIXED : bits.codes();
      end = block(bits, codeOf(literals), codeOf(distances), output, end);
    }
  }
  return output;
}
