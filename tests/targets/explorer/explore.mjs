// Calls the module `explorer.wasm`. As a program: node explore.mjs MODULE CAPABILITY ASKED RESOURCE OPERATION

/** The meanings of the marks in a table. */
export const MARKS = {
    granted: { sign: '●', means: 'granted' },
    beyond: { sign: '✗', means: 'beyond the key' },
    unasked: { sign: '○', means: 'not asked' },
    no: { sign: '·', means: 'neither' },
};

/** Returns a function of four texts: the key's capability, the requested capability or '', a resource and an operation. */
export async function explorer(bytes) {
    const { instance } = await WebAssembly.instantiate(bytes);
    const { memory, input, explore, output } = instance.exports;
    return (...texts) => {
        const written = new TextEncoder().encode(texts.join('\0'));
                // Get the memory after each call, because it is a new buffer after it has grown.
        const start = input(written.length);
        new Uint8Array(memory.buffer).set(written, start);
        const length = explore();
        return JSON.parse(new TextDecoder().decode(new Uint8Array(memory.buffer, output(), length)));
    };
}

/** Returns the text about the capability of the token. */
export function granted(answer) {
    return answer.granted ? `granted: ${answer.granted}` : 'nothing is granted: no token would be issued (40160)';
}

function* lines(answer) {
    if (answer.error) {
        yield `${answer.field}: ${answer.error}`;
        return;
    }
    yield granted(answer);
    yield answer.says;
    const widest = Math.max(0, ...answer.rows.map(({ resource }) => resource.length));
    const row = (resource, cells) => {
        const columns = cells.map((cell, at) => cell.padEnd(answer.operations[at].length));
        return `${resource.padEnd(widest)}  ${columns.join(' ')}`.trimEnd();
    };
    yield row('', answer.operations);
    for (const { resource, marks } of answer.rows) yield row(resource, marks.map((mark) => MARKS[mark].sign));
}

if (globalThis.process?.argv[1]?.endsWith('explore.mjs')) {
    const { readFileSync } = await import('node:fs');
    const [module, ...texts] = process.argv.slice(2);
    const answer = (await explorer(readFileSync(module)))(...texts);
    console.log([...lines(answer)].join('\n'));
    process.exitCode = answer.permitted ? 0 : 1;
}
