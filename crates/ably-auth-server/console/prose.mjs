// Texts of the service. They quote names and inputs in backticks; errors are in lower case and have no full stop.

import { h } from "./dom.mjs";

// Returns the parts of a text, with what is in backticks as code.
export function prose(text) {
  const parts = String(text).split("`");
  // Without its second half, a backtick is part of an input.
  if (parts.length % 2 === 0) return [text];
  return parts.map((part, index) => (index % 2 === 0 ? part : h("code", part)));
}

// Returns the parts of a text as a sentence.
export function sentence(text) {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return prose(/[.?!]$/.test(first) ? first : `${first}.`);
}
