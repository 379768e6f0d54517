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

/** Returns a table of the codes with these lengths: by the next bits, the symbol and its length. */
function table(lengths) {
  const counts = new Uint16Array(MAX_BITS + 1);
  for (const length of lengths) counts[length] += 1;
  counts[0] = 0;
  const next = new Uint16Array(MAX_BITS + 1);
  for (let bits = 1; bits <= MAX_BITS; bits += 1) next[bits] = (next[bits - 1] + counts[bits - 1]) << 1;
  const entries = new Uint16Array(1 << MAX_BITS);
  for (let symbol = 0; symbol < lengths.length; symbol += 1) {
    const length = lengths[symbol];
    if (length === 0) continue;
    let reversed = 0;
    for (let bit = 0, code = next[length]; bit < length; bit += 1, code >>= 1) reversed = (reversed << 1) | (code & 1);
    next[length] += 1;
    for (let at = reversed; at < entries.length; at += 1 << length) entries[at] = (symbol << 4) | length;
  }
  return entries;
}

/** Returns the decompressed bytes. The input is made by the build, which compares the output. */
export function inflate(base64, size) {
  const input = atob(base64);
  const output = new Uint8Array(size);
  let [at, end, held, count] = [0, 0, 0, 0];
  const need = (bits) => {
    for (; count < bits; count += 8) held |= input.charCodeAt(at++) << count;
  };
  const take = (bits) => {
    need(bits);
    const value = held & ((1 << bits) - 1);
    held >>>= bits;
    count -= bits;
    return value;
  };
  const symbol = (entries) => {
    need(MAX_BITS);
    const entry = entries[held & (entries.length - 1)];
    held >>>= entry & 15;
    count -= entry & 15;
    return entry >> 4;
  };
  const ownCodes = () => {
    const [literals, distances, codes] = [take(5) + 257, take(5) + 1, take(4) + 4];
    const ofCodes = new Array(19).fill(0);
    for (let code = 0; code < codes; code += 1) ofCodes[CODE_ORDER[code]] = take(3);
    const lengthTable = table(ofCodes);
    const lengths = [];
    while (lengths.length < literals + distances) {
      const code = symbol(lengthTable);
      if (code < 16) lengths.push(code);
      else {
        const repeated = code === 16 ? lengths.at(-1) : 0;
        const times = code === 16 ? take(2) + 3 : code === 17 ? take(3) + 3 : take(7) + 11;
        for (let time = 0; time < times; time += 1) lengths.push(repeated);
      }
    }
    return { literals: lengths.slice(0, literals), distances: lengths.slice(literals) };
  };
  for (let isLast = 0; !isLast; ) {
    isLast = take(1);
    const kind = take(2);
    if (kind === 0) {
      take(count & 7);
      const limit = end + take(16);
      take(16);
      while (end < limit) output[end++] = take(8);
      continue;
    }
    const { literals, distances } = kind === 1 ? FIXED : ownCodes();
    const [literalTable, distanceTable] = [table(literals), table(distances)];
    for (let code = symbol(literalTable); code !== 256; code = symbol(literalTable)) {
      if (code < 256) output[end++] = code;
      else {
        const length = LENGTH_BASE[code - 257] + take(LENGTH_BITS[code - 257]);
        const distanceCode = symbol(distanceTable);
        const extra = distanceCode < 4 ? 0 : (distanceCode >> 1) - 1;
        const distance = (distanceCode < 4 ? distanceCode : (2 + (distanceCode & 1)) << extra) + 1 + take(extra);
        for (const limit = end + length; end < limit; end += 1) output[end] = output[end - distance];
      }
    }
  }
  return output;
}
