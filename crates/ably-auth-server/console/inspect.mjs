// The inspector: everything that a pasted credential says, and the intersection of two capabilities.

import { isAbort } from "./api.mjs";
import { fill, h, uniqueId } from "./dom.mjs";
import { copyableValue } from "./copy.mjs";
import { field } from "./fields.mjs";
import { renderMatrix } from "./matrix.mjs";
import { emptyState, errorNote } from "./messages.mjs";
import { prose } from "./prose.mjs";
import { renderReport } from "./report.mjs";

const TYPING_MS = 250;
const OPERATIONS = [
  "publish",
  "subscribe",
  "history",
  "presence",
  "stats",
  "channel-metadata",
  "push-subscribe",
  "push-admin",
  "privileged-headers",
];

export function create(context) {
  const credential = createCredential(context);
  const intersection = createIntersection(context);
  const element = h("div.view", h("h1", { tabindex: "-1" }, "Inspect"), credential.element, intersection.element);
  return {
    title: "Inspect",
    element,
    update: () => credential.take(),
    close() {
      credential.live.close();
      intersection.live.close();
    },
  };
}

// Asks the service after each pause of typing. A newer question aborts the older one.
function liveQuestion({ ask, show, showError }) {
  let timer = null;
  let request = null;
  const run = async () => {
    clearTimeout(timer);
    request?.abort();
    const mine = new AbortController();
    request = mine;
    try {
      const answer = await ask(mine.signal);
      if (!mine.signal.aborted) show(answer);
    } catch (error) {
      if (!isAbort(error) && !mine.signal.aborted) showError(error);
    }
  };
  return {
    run,
    typed() {
      clearTimeout(timer);
      timer = setTimeout(run, TYPING_MS);
    },
    close() {
      clearTimeout(timer);
      request?.abort();
    },
  };
}

// Creates the form for a credential. `about` says what becomes of it.
export function createCredential(
  context,
  { about = "It is not stored, and does not appear in the log." } = {},
) {
  const options = uniqueId("operations");
  const text = h("textarea.code-input", {
    rows: "8",
    spellcheck: "false",
    autocomplete: "off",
    autocapitalize: "off",
    input: typed,
  });
  const operation = h("input", {
    type: "text",
    list: options,
    spellcheck: "false",
    autocapitalize: "off",
    input: typed,
  });
  const channel = h("input", { type: "text", spellcheck: "false", autocapitalize: "off", input: typed });
  const answer = h("p.answer", { role: "status" });
  const result = h("div.result-pane");
  const summary = h("p.vh", { role: "status" });
  const live = liveQuestion({
    ask: (signal) => {
      if (text.value.trim() === "") return null;
      const question =
        operation.value.trim() !== "" && channel.value.trim() !== ""
          ? { operation: operation.value.trim(), channel: channel.value.trim() }
          : {};
      return context.api.post("inspect", { text: text.value, ...question }, { signal });
    },
    show: (found) => {
      if (found === null) showNothing();
      else showReport(found);
    },
    showError: (error) => {
      showAnswer(null);
      fill(result, errorNote(error));
    },
  });

  function typed() {
    live.typed();
  }

  function showNothing() {
    summary.textContent = "";
    showAnswer(null);
    fill(
      result,
      emptyState(
        "Paste a credential",
        h(
          "p",
          "A key, a token, a JWT, a token request, token details or a capability. This page says what it is, how long it is valid, what it permits and what is wrong with it.",
        ),
        h("p", about),
      ),
    );
  }

  function showReport({ report, answer: permitted }) {
    const problems = report.problems?.length ?? 0;
    const title = report.title || report.kind;
    summary.textContent = `${title}${problems > 0 ? `, problems: ${problems}` : ""}`;
    fill(
      result,
      h("div.result-head", h("h2", title), title === report.kind ? null : h("span.tag", report.kind)),
      renderReport(report),
    );
    showAnswer(permitted ?? null);
  }

  function showAnswer(permitted) {
    const next = permitted === null ? "" : `${permitted.permitted ? "Yes" : "No"}: ${permitted.explanation}`;
    if (answer.dataset.text === next) return;
    answer.dataset.text = next;
    answer.dataset.permitted = permitted === null ? "" : String(permitted.permitted);
    fill(answer, prose(next));
  }

  showNothing();
  return {
    live,
    element: h(
      "section.inspector",
      { "aria-label": "Credential" },
      h(
        "div.inspector-input",
        field("Credential", text),
        h(
          "fieldset",
          h("legend", "May it do this?"),
          h("div.field-row", field("Operation", operation), field("On channel", channel)),
          answer,
        ),
        h(
          "datalist",
          { id: options },
          OPERATIONS.map((value) => h("option", { value })),
        ),
      ),
      h("div.inspector-result", summary, result),
    ),
    // Takes the credential that another view passed, if there is one.
    take() {
      if (context.handoff === null) return;
      text.value = context.handoff;
      context.handoff = null;
      live.run();
    },
  };
}

// Creates the form for two capabilities.
export function createIntersection(context) {
  const input = (value) =>
    h(
      "textarea.code-input",
      { rows: "3", spellcheck: "false", autocomplete: "off", autocapitalize: "off", input: () => live.typed() },
      value,
    );
  const a = input('{"chat:*":["publish","subscribe"],"news":["subscribe"]}');
  const b = input('{"chat:lobby":["*"],"*":["subscribe"]}');
  const result = h("div.result-pane");
  const live = liveQuestion({
    ask: (signal) =>
      a.value.trim() === "" || b.value.trim() === ""
        ? null
        : context.api.post("intersect", { a: a.value, b: b.value }, { signal }),
    show: (found) => {
      if (found === null) fill(result, h("p.muted", "Enter two capabilities."));
      else
        fill(
          result,
          found.matrix ? renderMatrix(found.matrix, { label: "Granted capability" }) : null,
          found.permitsNothing
            ? h("p.matrix-nothing", "Together they permit nothing, so no token would be issued.")
            : h("p.capability-text", copyableValue(found.granted)),
        );
    },
    showError: (error) => fill(result, errorNote(error)),
  });
  live.run();
  return {
    live,
    element: h(
      "section",
      h("h2", "Intersect two capabilities"),
      h("p.muted", "A token gets the intersection of what its key has and what was asked for."),
      h(
        "div.inspector",
        h("div.inspector-input", field("Capability of the key", a), field("Capability asked for", b)),
        h("div.inspector-result", h("h3", "Granted"), result),
      ),
    ),
  };
}
