// The script of `index.html`.

import { explorer, granted, MARKS } from './explore.mjs';

const FIELDS = ['key', 'asked', 'resource', 'operation'];
const at = (id) => document.getElementById(id);

function element(name, text, attributes = {}) {
    const made = document.createElement(name);
    made.textContent = text;
    for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
    return made;
}

/** Shows a text in an element, with the parts in backticks as code. */
function say(place, text) {
    place.replaceChildren(...text.split('`').map((part, nth) => (nth % 2 ? element('code', part) : part)));
}

/** Returns a cell with a sign, and with its meaning for screen readers. */
function marked(name, mark) {
    const { sign, means } = MARKS[mark];
    const cell = element(name, '', { class: mark === 'no' ? 'neither' : mark, title: means });
    cell.append(element('span', sign, { 'aria-hidden': 'true' }), element('span', means, { class: 'spoken' }));
    return cell;
}

function table({ operations, rows }) {
    const drawn = document.createElement('table');
    const head = drawn.createTHead().insertRow();
    head.append(element('td', ''), ...operations.map((name) => element('th', name, { scope: 'col' })));
    const body = drawn.createTBody();
    for (const { resource, marks } of rows) {
        body.insertRow().append(element('th', resource, { scope: 'row' }), ...marks.map((mark) => marked('td', mark)));
    }
    return drawn;
}

function show(answer) {
    for (const field of FIELDS) {
        const error = answer.field === field ? answer.error : '';
        at(field).setAttribute('aria-invalid', String(error !== ''));
        say(at(`${field}-error`), error);
    }
        // The old result does not apply to wrong input.
    at('answer').hidden = Boolean(answer.error);
    if (answer.error) return;
    say(at('verdict'), `${answer.permitted ? 'Yes' : 'No'}: ${answer.says}`);
    at('verdict').className = `verdict ${answer.permitted ? 'yes' : 'no'}`;
    at('granted').textContent = granted(answer);
    at('granted').className = answer.granted ? '' : 'no';
    at('wide').replaceChildren(table(answer));
    at('known').replaceChildren(...answer.known.map((value) => element('option', '', { value })));
    const legend = Object.entries(MARKS).map(([mark, { sign, means }]) =>
        element('span', `${sign} ${means}`, { class: mark === 'no' ? 'neither' : mark }));
    at('legend').replaceChildren(...legend);
}

try {
    const response = await fetch('explorer.wasm');
    if (!response.ok) throw new Error(`explorer.wasm: status ${response.status}`);
    const ask = await explorer(await response.arrayBuffer());
    const form = document.querySelector('form');
    const answer = () => show(ask(...FIELDS.map((field) => at(field).value)));
    form.addEventListener('input', answer);
    form.addEventListener('submit', (event) => event.preventDefault());
    answer();
    at('loading').hidden = true;
} catch (error) {
    at('loading').className = 'error';
    at('loading').prepend(`${error.message}. `);
}
