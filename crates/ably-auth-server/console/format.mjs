// Numbers, dates and durations in the reader's locale.

const numbers = new Intl.NumberFormat();
const clockTime = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
  hourCycle: "h23",
});
const wholeTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

const UNITS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1000],
  ["millisecond", 1],
].map(([unit, ms]) => [new Intl.NumberFormat(undefined, { style: "unit", unit, unitDisplay: "short" }), ms]);
const [MILLISECONDS] = UNITS.at(-1);
const SMALL = new Intl.NumberFormat(undefined, {
  style: "unit",
  unit: "millisecond",
  unitDisplay: "short",
  maximumSignificantDigits: 2,
});
const BYTES = ["byte", "kilobyte", "megabyte", "gigabyte"].map(
  (unit) => {
    const unitDisplay = unit === "byte" ? "long" : "short";
    return new Intl.NumberFormat(undefined, { style: "unit", unit, unitDisplay, maximumFractionDigits: 1 });
  },
);

export const number = (value) => numbers.format(value);

// Returns the time of day with milliseconds.
export const timeOfDay = (ms) => (isTime(ms) ? clockTime.format(ms) : String(ms));

// Returns the date and the time.
export const dateTime = (ms) => (isTime(ms) ? wholeTime.format(ms) : String(ms));

// Returns the unambiguous form of a time, for `title` and `datetime`.
export const iso = (ms) => (isTime(ms) ? new Date(ms).toISOString() : String(ms));

// Returns a length of time in at most two units, such as `2 hr 5 min`. The sign is left out.
export function duration(ms) {
  let rest = Math.abs(Math.round(ms));
  // Milliseconds say nothing next to a difference of a minute or more.
  if (rest >= 60_000) rest -= rest % 1000;
  const parts = [];
  for (const [format, size] of UNITS) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(format.format(count));
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.length > 0 ? parts.join(" ") : MILLISECONDS.format(0);
}

// Returns the time that the service took.
export const took = (us) => SMALL.format(us / 1000);

export function bytes(count) {
  let value = count;
  let step = 0;
  while (value >= 1024 && step < BYTES.length - 1) {
    value /= 1024;
    step += 1;
  }
  return BYTES[step].format(value);
}

// Returns `1 row` or `2 rows`.
export const count = (value, one, many = `${one}s`) => `${number(value)} ${value === 1 ? one : many}`;

// Date has no values beyond this; the format functions throw on them.
function isTime(ms) {
  return Number.isFinite(ms) && Math.abs(ms) <= 8.64e15;
}
