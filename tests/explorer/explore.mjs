// Asks the module `explorer.wasm`; also as a program: node explore.mjs MODULE CAPABILITY ASKED RESOURCE OPERATION

/** A function of four texts that gives the answer, as lines. */
export async function explorer(bytes) {
    const { instance } = await WebAssembly.instantiate(bytes);
    const { memory, input, explore, output } = instance.exports;
    return (...texts) => {
        const written = new TextEncoder().encode(texts.join('\0'));
        // The memory is looked at anew each time, since it is another after it has grown.
        const start = input(written.length);
        new Uint8Array(memory.buffer).set(written, start);
        const length = explore();
        return new TextDecoder().decode(new Uint8Array(memory.buffer, output(), length));
    };
}

if (globalThis.process?.argv[1]?.endsWith('explore.mjs')) {
    const { readFileSync } = await import('node:fs');
    const [module, ...texts] = process.argv.slice(2);
    console.log((await explorer(readFileSync(module)))(...texts));
}
