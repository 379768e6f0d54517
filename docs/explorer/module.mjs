// Calls the module `explorer.wasm`.

// Returns a function of a question, which returns the answer: both as in `tests/targets/explorer/src/question.rs`.
export async function load(bytes) {
  const { instance } = await WebAssembly.instantiate(bytes);
  const { memory, input, answer, output } = instance.exports;
  return (question) => {
    const written = new TextEncoder().encode(JSON.stringify(question));
    // The memory is a new buffer after it has grown, so it is read after each call.
    const start = input(written.length);
    new Uint8Array(memory.buffer).set(written, start);
    const length = answer();
    return JSON.parse(new TextDecoder().decode(new Uint8Array(memory.buffer, output(), length)));
  };
}
