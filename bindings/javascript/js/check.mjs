// Checks of the types of arguments. The module checks their content.

import { invalid } from './error.mjs';

// Longer than any credential and any capability. A longer text would only fill the memory of the module.
const MAX_CHARACTERS = 4 * 1024 * 1024;

export function text(value, name) {
  if (typeof value !== 'string') throw invalid(`invalid ${name}: not a string; give a string`);
  if (value.length > MAX_CHARACTERS) throw invalid(`invalid ${name}: longer than 4 MiB; give a shorter text`);
  return value;
}

/** Returns a number of milliseconds. */
export function millis(value, name) {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw invalid(`invalid ${name}: not a whole number of milliseconds; give a number such as 3600000`);
  }
  return value;
}

/** Returns the optional value that `check` accepts; null counts as absent. */
export function optional(value, name, check) {
  return value === undefined || value === null ? undefined : check(value, name);
}

export function object(value, name) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(`invalid ${name}: not an object; give an object`);
  return value;
}

/** Returns an object that has no other fields than those. A misspelled field would otherwise be ignored. */
export function fields(value, name, known) {
  for (const field of Object.keys(object(value, name))) {
    if (!known.includes(field)) throw invalid(`invalid ${name}: unknown field; the fields are: ${known.join(', ')}`);
  }
  return value;
}

/** Returns the JSON of an object, or the text that the caller gave as JSON. */
export function json(value, name) {
  if (typeof value === 'string') return text(value, name);
  if (typeof value !== 'object' || value === null) throw invalid(`invalid ${name}: not an object; give an object, or its JSON as a string`);
  return stringify(value, name);
}

/** Returns the JSON of any value. */
export function stringify(value, name) {
  let written;
  try {
    written = JSON.stringify(value);
  } catch (cause) {
    throw Object.assign(invalid(`invalid ${name}: it cannot be written as JSON; remove cycles and BigInts`), { cause });
  }
  if (written === undefined) throw invalid(`invalid ${name}: it cannot be written as JSON; give a value that JSON has`);
  return text(written, name);
}

/** Returns the own entries of an object. */
export function entries(value, name) {
  return Object.entries(object(value, name));
}
