// A report about a credential: facts, life, capability and problems.

import { copyableValue } from "./copy.mjs";
import { h } from "./dom.mjs";
import { renderLife } from "./life.mjs";
import { renderMatrix } from "./matrix.mjs";
import { prose, sentence } from "./prose.mjs";

// Returns the parts of a report in their order. `level` is the level of their headings.
export function renderReport(report, { level = 3 } = {}) {
  const heading = `h${level}`;
  const { verdict, problems = [], facts = [], life, matrix, capability } = report;
  return h(
    "div.report",
    verdict ? verdictLine(verdict) : null,
    problems.length > 0 ? problemList(problems, heading) : null,
    life ? h("section", h(heading, "Life"), renderLife(life)) : null,
    facts.length > 0 ? h("section", h(heading, "Facts"), renderFacts(facts)) : null,
    matrix || capability ? capabilitySection(matrix, capability, heading) : null,
  );
}

// Returns pairs of a label and a value that can be copied.
export function renderFacts(facts) {
  return h(
    "dl.facts",
    facts.map((fact) => h("div", h("dt", fact.label ?? fact.name), h("dd", copyableValue(String(fact.value))))),
  );
}

function verdictLine(verdict) {
  const code = verdict.code ? ` ${verdict.code}` : "";
  const text = verdict.accepted
    ? "This service accepts it."
    : `This service refuses it${verdict.code ? ` with${code}` : ""}.`;
  return h(
    `div.note.${verdict.accepted ? "good" : "bad"}`,
    h("p", h("strong", text)),
    verdict.reason ? h("p", sentence(verdict.reason)) : null,
  );
}

// Returns the list of what is wrong with a credential.
export function problemList(problems, heading) {
  return h(
    "section.note.warn",
    h(heading, problems.length === 1 ? "Problem" : "Problems"),
    h(
      "ul",
      problems.map((problem) => h("li", prose(problem))),
    ),
  );
}

function capabilitySection(matrix, capability, heading) {
  return h(
    "section",
    h(heading, "Capability"),
    matrix ? renderMatrix(matrix) : null,
    capability ? h("p.capability-text", copyableValue(capability)) : null,
  );
}
