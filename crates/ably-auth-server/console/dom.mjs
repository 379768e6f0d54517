// Elements without markup: every text is set as text, so that a name or a token never becomes HTML.

const SVG = "http://www.w3.org/2000/svg";

// Creates an element from `tag.class.class`. An attribute that is a function listens to the event of that name;
// `true` sets an empty attribute; null and false leave it out. Children are nodes, texts, lists of both, or null.
export function h(selector, ...children) {
  const [tag, ...classes] = selector.split(".");
  const element = document.createElement(tag);
  if (classes.length > 0) element.classList.add(...classes);
  if (isAttributes(children[0])) setAttributes(element, children.shift());
  append(element, children);
  return element;
}

// Replaces the children of an element.
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

// Returns an icon of the sprite in `index.html`. It is decoration: the text next to it carries the meaning.
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

// Returns text for screen readers only.
export function spoken(text) {
  return h("span.vh", text);
}

let lastId = 0;

// Returns an id that no other element of the page has.
export function uniqueId(prefix) {
  lastId += 1;
  return `${prefix}-${lastId}`;
}

function isAttributes(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value) && !(value instanceof Node);
}

function setAttributes(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, String(value));
  }
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
}
