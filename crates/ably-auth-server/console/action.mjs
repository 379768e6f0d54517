// One action of the service: a form, the curl line that does the same, and the result.

import { isAbort } from "./api.mjs";
import { codeBlock, setCode } from "./code.mjs";
import { curlLine } from "./curl.mjs";
import { fill, h, uniqueId } from "./dom.mjs";
import { errorNote } from "./messages.mjs";

const API = new URL("api/", import.meta.url);

// Creates an action. `fields` are its elements; `request` returns `{ method, path, body }` from them; `render` returns the
// elements of the result. `refresh` gets each newer overview. An action with a `question` asks before it acts.
export function createAction(
  context,
  { id, title, about, submit, fields, request, render, refresh = () => {}, question = null, extra = null },
) {
  const headingId = uniqueId("action");
  const result = h("div.action-result");
  const button = h("button.button.primary", { type: "submit" }, submit);
  const curl = codeBlock("", { language: "shell", label: `${title} with curl` });
  const cancel = h("button.button", { type: "button", hidden: true, click: () => setAsking(false) }, "Cancel");
  const asked = h("span.confirm-question", { hidden: true }, question ?? "");
  let isAsking = false;
  const form = h(
    "form.action-form",
    { submit: submitted, input: changed, change: changed },
    fields,
    h("div.actions", asked, button, cancel, extra),
  );

  function setAsking(next) {
    isAsking = next;
    asked.hidden = !next;
    cancel.hidden = !next;
    button.classList.toggle("danger", next);
  }

  function changed() {
    if (isAsking) setAsking(false);
    showCurl();
  }

  function showCurl() {
    const { method, path, body } = request();
    const isAdmin = context.service.value?.service.mode === "admin";
    setCode(curl, curlLine(method, new URL(path, API).href, body ?? null, { isAdmin }), "shell");
  }

  async function submitted(event) {
    event.preventDefault();
    if (question !== null && !isAsking) {
      setAsking(true);
      return;
    }
    setAsking(false);
    await run(request(), render);
  }

  async function run({ method, path, body }, show) {
    button.disabled = true;
    try {
      fill(result, show(await send(context.api, method, path, body)));
      context.announce(`${title}: done`);
    } catch (error) {
      if (!isAbort(error)) fill(result, errorNote(error));
    }
    button.disabled = false;
    context.service.refresh();
  }

  showCurl();
  return {
    id,
    title,
    element: h(
      "section.card.action",
      { id, "aria-labelledby": headingId },
      h("div.action-main", h("h2", { id: headingId }, title), h("p.muted", about), form),
      h("div.action-side", h("h3.side-title", "The same with curl"), curl, result),
    ),
    run,
    // Shows what a newer overview of the service says.
    refresh(overview) {
      refresh(overview);
      showCurl();
    },
  };
}

function send(api, method, path, body) {
  if (method === "DELETE") return api.delete(path);
  return method === "PUT" ? api.put(path, body) : api.post(path, body);
}
