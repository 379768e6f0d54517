// The story of a row: the verdict, its likely cause, each check, and everything that the service knows about it.

import { codeBlock } from "./code.mjs";
import { copyableTime, copyableValue } from "./copy.mjs";
import { h, icon } from "./dom.mjs";
import { took } from "./format.mjs";
import { target } from "./log_columns.mjs";
import { renderMatrix } from "./matrix.mjs";
import { prose, sentence } from "./prose.mjs";
import { problemList, renderFacts, renderReport } from "./report.mjs";
import { writeHash } from "./router.mjs";
import { renderClocks } from "./story_clocks.mjs";
import { renderCause, renderMac } from "./story_mac.mjs";

const RESULTS = {
  passed: { name: "check", word: "passed" },
  failed: { name: "cross", word: "failed" },
  notReached: { name: "circle", word: "not reached" },
};

// Returns the sections of a story in the order in which a reader needs them. `hashOf` returns the address of a row.
export function renderStory(story, { inspect, hashOf }) {
  const { row, mac, signature, clocks, replay, matrix, credential, issued, sent } = story;
  const cause = mac?.cause ?? signature?.cause;
  const problems = credential?.problems ?? [];
  return [
    renderVerdict(story),
    cause ? renderCause(cause) : null,
    problems.length > 0 ? problemList(problems, "h3") : null,
    story.checks?.length > 0 ? section("Checks", renderChecks(story.checks)) : null,
    clocks ? section("Clocks", renderClocks(clocks)) : null,
    replay ? section("First use", renderReplay(replay, hashOf)) : null,
    mac ? section("Signed text", renderMac(mac)) : null,
    signature?.signingInput ? section("Signed text", h("p.mono.wrap", copyableValue(signature.signingInput))) : null,
    matrix
      ? section(matrix.title || "Capability", renderMatrix(matrix.matrix, { label: matrix.title || "Capability" }))
      : null,
    credential
      ? section(credential.title || "Credential", renderReport({ ...credential, verdict: null, problems: [] }, { level: 4 }))
      : null,
    issued ? section(`Issued: ${issued.title || "token"}`, renderReport(issued, { level: 4 })) : null,
    sent?.length > 0 ? section("Fields as received", renderFacts(sent)) : null,
    section("Request", renderRow(row)),
    renderRaw(story),
  ];
}

function section(title, ...content) {
  return h("section.story-section", h("h3", title), content);
}

// Returns the first sentence of a story, and what to do.
function renderVerdict({ row, reason, explanation, advice, help }) {
  const isGranted = row.outcome === "granted";
  const word = { granted: "Granted", refused: "Refused", failed: "Failed" }[row.outcome] ?? row.outcome;
  const head = !isGranted && row.code ? `${word} with ${row.code}` : word;
  const why = reason ?? row.reason;
  return h(
    `div.verdict.${isGranted ? "good" : "bad"}`,
    h("p.verdict-what", `${row.action}${target(row) ? ` · ${target(row)}` : ""}`),
    h(
      "p.verdict-head",
      icon(isGranted ? "check" : "cross"),
      h("span", h("strong", why ? `${head}: ` : `${head}.`), why ? sentence(why) : null),
    ),
    explanation ? h("p", sentence(explanation)) : null,
    advice ? h("p.verdict-advice", h("strong", "What to do: "), sentence(advice)) : null,
    help ? h("p", helpLink(help)) : null,
  );
}

function helpLink(help) {
  return /^https?:\/\//.test(help)
    ? h("a", { href: help, target: "_blank", rel: "noreferrer" }, "More about this error")
    : h("span.muted", "More in the guide: ", copyableValue(help));
}

function renderChecks(checks) {
  return h(
    "ol.checks",
    checks.map(({ title, result }) => {
      const { name, word } = RESULTS[result] ?? { name: "circle", word: result };
      return h(
        `li.check.check-${result}`,
        icon(name),
        h("span", title),
        h(result === "passed" ? "span.vh" : "span.check-word", ` ${word}`),
      );
    }),
  );
}

function renderReplay({ firstUsed, seq }, hashOf) {
  return h(
    "p.note.warn",
    "The nonce of this token request was used before",
    firstUsed ? [", at ", copyableTime(firstUsed)] : null,
    ". ",
    seq ? h("a", { href: hashOf(seq) }, `Show row ${seq}, its first use`) : "That row is no longer in the log.",
  );
}

// Returns the row's own fields. Those by which the log can be filtered are links.
function renderRow(row) {
  const filter = (name, value) =>
    h(
      "a",
      { href: writeHash("log", row.seq, { [name]: value }), title: `Show only rows with this ${name}` },
      String(value),
    );
  const fields = [
    ["Time", copyableTime(row.at)],
    ["Kind", row.kind && filter("kind", row.kind)],
    ["Key", row.key && filter("key", row.key)],
    ["Client", row.clientId && filter("clientId", row.clientId)],
    ["Channel", row.channel && filter("channel", row.channel)],
    ["Operation", row.operation && copyableValue(row.operation)],
    ["Status", row.status && copyableValue(String(row.status))],
    ["Code", row.code && filter("code", row.code)],
    ["Connection", row.connectionId && copyableValue(row.connectionId)],
    ["Request id", row.requestId && copyableValue(row.requestId)],
    ["Took", row.durationUs && copyableValue(took(row.durationUs), String(row.durationUs), `${row.durationUs} µs`)],
  ];
  return h(
    "dl.facts",
    fields.filter(([, value]) => value).map(([label, value]) => h("div", h("dt", label), h("dd", value))),
  );
}

// Returns the JSON of a story, which is drawn once it is opened.
function renderRaw(story) {
  const label = "JSON of this story";
  const details = h("details.raw", h("summary", label));
  const draw = () => details.append(codeBlock(JSON.stringify(story, null, 2), { language: "json", label }));
  details.addEventListener("toggle", draw, { once: true });
  return details;
}
