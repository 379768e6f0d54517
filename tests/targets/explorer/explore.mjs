// Asks the module in node, and prints what the page shows:
// node explore.mjs MODULE inspect TEXT [OPERATION CHANNEL]
// node explore.mjs MODULE intersect CAPABILITY CAPABILITY
// The moment is 2026-01-01, so that the output stays the same.

import { readFileSync } from 'node:fs';

import { load } from '../../../docs/explorer/module.mjs';

const NOW = Date.UTC(2026, 0, 1);
const SIGNS = { yes: '●', refused: '✗', unrequested: '○', no: '·' };

function* shown({ report, answer, granted, matrix, error }) {
  if (error) yield `error ${error.code}: ${error.message}`;
  if (report) {
    yield `${report.kind}: ${report.title}`;
    for (const { label, value } of report.facts) yield `  ${label}: ${value}`;
    if (report.life) yield `  ${report.life.state}`;
    for (const problem of report.problems) yield `  problem: ${problem}`;
  }
  if (granted) yield `granted: ${granted}`;
  const table = matrix ?? report?.matrix;
  if (table) {
    const widest = Math.max(0, ...table.rows.map(({ resource }) => resource.length));
    const row = (resource, cells) => `${resource.padEnd(widest)}  ${cells.map((cell, at) => cell.padEnd(table.operations[at].length)).join(' ')}`.trimEnd();
    yield row('', table.operations);
    for (const { resource, marks } of table.rows) yield row(resource, marks.map((mark) => SIGNS[mark]));
  }
  if (answer) yield `${answer.permitted ? 'yes' : 'no'}: ${answer.explanation}`;
}

const [path, what, ...texts] = process.argv.slice(2);
const ask = await load(readFileSync(path));
const [text, operation, channel] = texts;
const question = what === 'inspect' ? { now: NOW, text, operation, channel } : { a: texts[0], b: texts[1] };
console.log([...shown(ask({ ask: what, ...question }))].join('\n'));
