//! An explorer for capabilities, which runs core in a browser and in node. It shows what a token may do, and why.
//!
//! ```console
//! $ cargo build --release --target wasm32-unknown-unknown
//! $ node explore.mjs explorer.wasm '{"chat:*":["publish","subscribe"]}' '{"chat:lobby":["*"]}' chat:lobby publish
//! granted: {"chat:lobby":["publish","subscribe"]}
//! `publish` on `chat:lobby` is permitted by `chat:lobby`
//!             * publish subscribe
//! chat:*      · ○       ○
//! chat:lobby  ✗ ●       ●
//! $ node explore.mjs explorer.wasm '{"chat:*":["publish","subscribe"]}' '' chat:lobby history
//! granted: {"chat:*":["publish","subscribe"]}
//! `history` on `chat:lobby` is not permitted: `chat:*` covers it, but has only `publish`, `subscribe`
//!         publish subscribe
//! chat:*  ●       ●
//! $ node explore.mjs explorer.wasm '{"chat:*":["publish"]}' '{"status":["publish"]}' status publish
//! nothing is granted: no token would be issued (40160)
//! `publish` on `status` is not permitted: nothing covers it, and nothing has that operation
//!         publish
//! chat:*  ○
//! status  ✗
//! $ node explore.mjs explorer.wasm '{"chat:*":["publish"]}' '{chat}' chat:lobby publish
//! asked: expected the name of a resource (byte 1); write it as a JSON string, in double quotes
//! $ node explore.mjs explorer.wasm '{"chat:*":["publish"]}' '' chat:lobby pubish
//! operation: unknown operation `pubish`; operations are …`publish`…
//! $ node type.mjs index.html explorer.wasm 'operation=publish' 'asked={chat}' 'asked=' 'resource='
//! at first: No: history on chat:lobby is not permitted: chat:lobby covers it, but has only publish, subscribe
//!     granted: {"chat:lobby":["publish","subscribe"]}
//!     chat:* neither, not asked, not asked; chat:lobby beyond the key, granted, granted
//! operation=publish: Yes: publish on chat:lobby is permitted by chat:lobby
//!     granted: {"chat:lobby":["publish","subscribe"]}
//!     chat:* neither, not asked, not asked; chat:lobby beyond the key, granted, granted
//! asked={chat}: no answer; asked is wrong: expected the name of a resource (byte 1); write it as a JSON string, in double quotes
//! asked=: Yes: publish on chat:lobby is permitted by chat:*
//!     granted: {"chat:*":["publish","subscribe"]}
//!     chat:* granted, granted
//! resource=: no answer; resource is wrong: resource is empty; name a channel, …
//! ```
//!
//! For a browser, put `index.html`, `page.mjs`, `explore.mjs` and the module, as `explorer.wasm`, on any web server.
//! For example, run `python3 -m http.server --bind 127.0.0.1` in their folder.

mod answer;

use std::sync::{Mutex, MutexGuard, PoisonError};

use answer::Answer;

// WebAssembly functions pass only numbers, so texts are written into this memory and read from it.
static INPUT: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static OUTPUT: Mutex<String> = Mutex::new(String::new());

fn lock<T>(memory: &Mutex<T>) -> MutexGuard<'_, T> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the address for `length` bytes of input: the key's capability, the requested capability or an empty text, a
/// resource and an operation, separated by zero bytes.
#[unsafe(no_mangle)]
pub extern "C" fn input(length: usize) -> *mut u8 {
    let mut input = lock(&INPUT);
    input.clear();
    input.resize(length, 0);
    input.as_mut_ptr()
}

/// Evaluates the input. Returns the length in bytes of the output: an [`Answer`] as JSON.
#[unsafe(no_mangle)]
pub extern "C" fn explore() -> usize {
    let input = lock(&INPUT);
    let text = String::from_utf8_lossy(&input);
    let answer = Answer::to(&text.split('\0').collect::<Vec<_>>());
    let mut output = lock(&OUTPUT);
    *output = answer.to_json();
    output.len()
}

/// Returns the address of the output.
#[unsafe(no_mangle)]
pub extern "C" fn output() -> *const u8 {
    lock(&OUTPUT).as_ptr()
}
