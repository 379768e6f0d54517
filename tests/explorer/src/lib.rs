//! What a token of a capability may do, and why: core in a browser, and in node.
//!
//! ```console
//! $ cargo build --release --target wasm32-unknown-unknown
//! $ node explore.mjs explorer.wasm '{"chat:*":["publish","subscribe"]}' '{"chat:lobby":["*"]}' chat:lobby publish
//! {"chat:lobby":["publish","subscribe"]}
//! `publish` on `chat:lobby` is permitted by `chat:lobby`
//! $ node explore.mjs explorer.wasm '{"chat:*":["publish","subscribe"]}' '' chat:lobby history
//! {"chat:*":["publish","subscribe"]}
//! `history` on `chat:lobby` is not permitted: `chat:*` covers it, but has only `publish`, `subscribe`
//! ```
//!
//! For a browser, put `index.html`, `explore.mjs` and the module, as `explorer.wasm`, on any web server.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ably_auth_core::{Capability, Error};

// WebAssembly passes numbers only: texts are written into this memory, and read out of it.
static INPUT: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static OUTPUT: Mutex<String> = Mutex::new(String::new());

fn lock<T>(memory: &Mutex<T>) -> MutexGuard<'_, T> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where to write so many bytes of input: the key's capability, what is asked of it or nothing, a resource and an operation, with a
/// zero between each two.
#[unsafe(no_mangle)]
pub extern "C" fn input(length: usize) -> *mut u8 {
    let mut input = lock(&INPUT);
    input.clear();
    input.resize(length, 0);
    input.as_mut_ptr()
}

/// Answers what is in the input, and says how many bytes the answer has: what the token gets, and whether it may.
#[unsafe(no_mangle)]
pub extern "C" fn explore() -> usize {
    let input = lock(&INPUT);
    let text = String::from_utf8_lossy(&input);
    let fields: Vec<&str> = text.split('\0').collect();
    let answer = match *fields {
        [key, asked, resource, operation] => {
            explained(key, asked, resource, operation).unwrap_or_else(|error| error.to_string())
        }
        _ => "four texts are needed; give a capability, another or nothing, a resource and an operation".to_owned(),
    };
    let mut output = lock(&OUTPUT);
    *output = answer;
    output.len()
}

/// Where the answer is.
#[unsafe(no_mangle)]
pub extern "C" fn output() -> *const u8 {
    lock(&OUTPUT).as_ptr()
}

fn explained(key: &str, asked: &str, resource: &str, operation: &str) -> Result<String, Error> {
    let key: Capability = key.parse()?;
    let granted = if asked.is_empty() { key } else { key.intersect(&asked.parse()?) };
    Ok(format!("{granted}\n{}", granted.explain(resource, operation)))
}
