// Enters texts into the page without a browser, and prints what it shows: node type.mjs PAGE MODULE FIELD=TEXT …
// The replacement for a browser's document has only the functions that `page.mjs` uses.

import { readFileSync } from 'node:fs';

class Node {
    constructor(name, attributes = {}) {
        Object.assign(this, { name, attributes, children: [], listeners: {}, hidden: 'hidden' in attributes, className: '' });
        this.value = attributes.value ?? '';
    }
    set textContent(text) { this.children = text === '' ? [] : [text]; }
    get textContent() { return this.children.map((child) => child.textContent ?? child).join(''); }
    setAttribute(name, value) { this.attributes[name] = value; }
    append(...children) { this.children.push(...children); }
    prepend(...children) { this.children.unshift(...children); }
    replaceChildren(...children) { this.children = children; }
    addEventListener(event, listener) { this.listeners[event] = listener; }
    made(name) { const child = new Node(name); this.append(child); return child; }
    createTHead() { return this.made('thead'); }
    createTBody() { return this.made('tbody'); }
    insertRow() { return this.made('tr'); }
    all(name) { return this.children.flatMap((child) => [...(child.name === name ? [child] : []), ...(child.all?.(name) ?? [])]); }
}

const [page, module, ...typed] = process.argv.slice(2);
const nodes = {};
// Each tag with an id. The text of a field is its value attribute or its content.
for (const [, name, written, inner] of readFileSync(page, 'utf8').matchAll(/<(\w+)([^>]*\sid="[^>]*)>([^<]*)/g)) {
    const attributes = Object.fromEntries([...written.matchAll(/([\w-]+)(?:="([^"]*)")?/g)].map(([, key, value]) => [key, value ?? '']));
    if (name === 'textarea') attributes.value = inner;
    nodes[attributes.id] = new Node(name, attributes);
}
const form = new Node('form');
globalThis.document = {
    getElementById: (id) => nodes[id],
    createElement: (name) => new Node(name),
    querySelector: () => form,
};
globalThis.fetch = async () => ({ ok: true, arrayBuffer: async () => readFileSync(module) });
await import('./page.mjs');
if (!nodes.loading.hidden) throw new Error(nodes.loading.textContent);

function shown() {
    const wrong = ['key', 'asked', 'resource', 'operation'].filter((field) => nodes[field].attributes['aria-invalid'] === 'true');
    if (nodes.answer.hidden) return `no answer; ${wrong.map((field) => `${field} is wrong: ${nodes[`${field}-error`].textContent}`)}`;
    if (wrong.length > 0) throw new Error(`an answer, and ${wrong} is wrong`);
    const rows = nodes.wide.all('tbody')[0].all('tr').map((row) => {
        const marks = row.all('td').map((cell) => cell.children[1].textContent);
        return `${row.all('th')[0].textContent} ${marks.join(', ')}`;
    });
    return [nodes.verdict.textContent, nodes.granted.textContent, rows.join('; ')].join('\n    ');
}

console.log(`at first: ${shown()}`);
for (const typing of typed) {
    const [field, text] = typing.split(/=(.*)/s);
    nodes[field].value = text;
    form.listeners.input();
    console.log(`${typing}: ${shown()}`);
}
