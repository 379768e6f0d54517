// Blocks of code with a copy button, and a light highlighting of strings and comments.

import { copyButton } from "./copy.mjs";
import { h } from "./dom.mjs";

const STRINGS = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/;
// In Rust an apostrophe may begin a lifetime, and in JavaScript a hash a private name.
const TOKENS = {
  js: new RegExp(`(?<comment>//.*)|(?<string>${STRINGS.source})`, "g"),
  rust: /(?<comment>\/\/.*)|(?<string>"(?:[^"\\]|\\.)*")/g,
  python: new RegExp(`(?<comment>#.*)|(?<string>${STRINGS.source})`, "g"),
  shell: /(?<comment>(?:^|(?<=\s))#.*)|(?<string>"(?:[^"\\]|\\.)*"|'[^']*')/gm,
  json: /(?<string>"(?:[^"\\\n]|\\.)*")/g,
};

// Returns a block of code. `copyText` is what is copied instead of the shown text.
export function codeBlock(text, { language = "text", label, copyText = null } = {}) {
  const code = h("code", highlight(text, TOKENS[language]));
  return h(
    "div.code",
    h("pre", { tabindex: "0", role: "region", "aria-label": label }, code),
    copyButton(copyText ?? (() => code.textContent), { what: label }),
  );
}

// Replaces the text of a block.
export function setCode(block, text, language) {
  const code = block.querySelector("code");
  if (code.textContent !== text) code.replaceChildren(...highlight(text, TOKENS[language]));
}

function highlight(text, tokens) {
  if (!tokens) return [text];
  const parts = [];
  let from = 0;
  for (const match of text.matchAll(tokens)) {
    parts.push(text.slice(from, match.index));
    parts.push(h(match.groups.comment ? "span.code-comment" : "span.code-string", match[0]));
    from = match.index + match[0].length;
  }
  parts.push(text.slice(from));
  return parts;
}
