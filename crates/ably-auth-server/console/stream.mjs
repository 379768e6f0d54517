// The stream of new rows: server-sent events over `fetch`, which can send an `Authorization` header.

import { isAbort } from "./api.mjs";

const FIRST_BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 10_000;
// The service sends a comment every 15 s. A connection that is silent for longer is broken.
const SILENCE_TIMEOUT_MS = 40_000;

// Follows the log until `signal` aborts. Before each connection, `resume` brings the list up to date and returns the
// newest number that it holds. `onRows`, `onCleared` and `onState` (`live` or `lost`) report what happens.
export async function followLog(api, { query, signal, resume, onRows, onCleared, onState }) {
  let backoff = FIRST_BACKOFF_MS;
  while (!signal.aborted) {
    try {
      const after = await resume();
      const silence = new AbortController();
      const response = await api.stream("log/stream", {
        query: { ...query, after },
        signal: AbortSignal.any([signal, silence.signal]),
      });
      onState("live");
      backoff = FIRST_BACKOFF_MS;
      for await (const { event, data } of readEvents(response.body, silence)) {
        if (event === "cleared") onCleared();
        if (event === "rows") onRows(JSON.parse(data));
      }
    } catch (error) {
      if (signal.aborted) return;
      // The reader has no admin token; asking again after each backoff would only disturb.
      if (error.status === 401 || error.status === 400) {
        onState("refused", error);
        return;
      }
      if (!isAbort(error) && error.status) console.warn(error.message);
    }
    if (signal.aborted) return;
    onState("lost");
    await pause(backoff * (0.75 + Math.random() / 2), signal);
    backoff = Math.min(backoff * 2, LONGEST_BACKOFF_MS);
  }
}

// Yields the events of a body, and aborts `silence` if nothing arrives for too long.
async function* readEvents(body, silence) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  let timer = null;
  try {
    for (;;) {
      timer = setTimeout(() => silence.abort(), SILENCE_TIMEOUT_MS);
      const { done, value } = await reader.read();
      clearTimeout(timer);
      if (done) return;
      buffer += value;
      const blocks = buffer.split(/\r?\n\r?\n/);
      buffer = blocks.pop();
      yield* blocks.map(readEvent);
    }
  } finally {
    clearTimeout(timer);
    reader.cancel().catch(() => {});
  }
}

function readEvent(block) {
  let event = "message";
  const data = [];
  for (const line of block.split(/\r?\n/)) {
    const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line);
    if (name === "event") event = value;
    if (name === "data") data.push(value);
  }
  return { event, data: data.join("\n") };
}

function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
