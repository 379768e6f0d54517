// node checks.mjs MODULE: runs the checks in a WebAssembly module, and prints the same lines as the firmware.
import { readFileSync } from 'node:fs';

const { instance } = await WebAssembly.instantiate(readFileSync(process.argv[2]));
const { count, run, name, name_length, memory, __stack_low, __stack_high } = instance.exports;
const PAINT = 0xc5;
let well = count() > 0;
for (let check = 0; check < count(); check++) {
        // This measures only the stack in the module's memory. The engine's own stack is not visible here.
    const stack = new Uint8Array(memory.buffer, __stack_low.value, __stack_high.value - __stack_low.value).fill(PAINT);
    let right = false;
    try {
        right = run(check) === 1;
    } catch (error) {
        console.log(error.message);
    }
    const untouched = stack.findIndex((byte) => byte !== PAINT);
    const text = new TextDecoder().decode(new Uint8Array(memory.buffer, name(check), name_length(check)));
    console.log(`${right ? 'ok' : 'FAILED'} ${untouched < 0 ? 0 : stack.length - untouched} ${text}`);
    well &&= right;
}
process.exitCode = well ? 0 : 1;
