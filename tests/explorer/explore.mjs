// Asks the module `explorer.wasm`; also as a program: node explore.mjs MODULE CAPABILITY ASKED RESOURCE OPERATION

/** What the marks of a table stand for. */
export const MARKS = {
    granted: { sign: '●', means: 'granted' },
    beyond: { sign: '✗', means: 'beyond the key' },
    unasked: { sign: '○', means: 'not asked' },
    no: { sign: '·', means: 'neither' },
};

/** A function of four texts: the key's capability, what is asked of it or nothing, a resource and an operation. */
export async function explorer(bytes) {
    const { instance } = await WebAssembly.instantiate(bytes);
    const { memory, input, explore, output } = instance.exports;
    return (...texts) => {
        const written = new TextEncoder().encode(texts.join('\0'));
        // The memory is looked at anew each time, since it is another after it has grown.
        const start = input(written.length);
        new Uint8Array(memory.buffer).set(written, start);
        const length = explore();
        return JSON.parse(new TextDecoder().decode(new Uint8Array(memory.buffer, output(), length)));
    };
}

/** What a token would be granted, in words. */
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
