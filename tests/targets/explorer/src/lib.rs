//! The module of the guide's credential explorer: `ably-auth-inspect` in a browser, and here in node.
//!
//! ```console
//! $ cargo build --release --target wasm32-unknown-unknown
//! $ node explore.mjs explorer.wasm inspect '{"chat:*":["publish","subscribe"]}' publish chat:lobby
//! capability: capability
//!   resources: 1
//!   canonical text: {"chat:*":["publish","subscribe"]}
//!         publish subscribe
//! chat:*  ●       ●
//! yes: `publish` on `chat:lobby` is permitted by `chat:*`
//! $ node explore.mjs explorer.wasm inspect '{"chat:*":["publish","subscribe"]}' history chat:lobby
//! capability: capability
//!   resources: 1
//!   canonical text: {"chat:*":["publish","subscribe"]}
//!         publish subscribe
//! chat:*  ●       ●
//! no: `history` on `chat:lobby` is not permitted: `chat:*` covers it, but has only `publish`, `subscribe`
//! $ node explore.mjs explorer.wasm inspect '{"chat:*":["pubish"]}'
//! capability: capability
//!   problem: unknown operation `pubish` in resource `chat:*` (byte 12); operations are …, or `*` for all
//!         pubish
//! chat:*  ●
//! $ node explore.mjs explorer.wasm inspect 'Authorization: Bearer eyJhbGciOiJIUzI1NiIsImtpZCI6ImFwcC5rZXkifQ.eyJpYXQiOjE3NjcyMjU2MDAsIngtYWJseS1jYXBhYmlsaXR5Ijp7ImNoYXQiOlsiKiJdfX0.c2ln'
//! jwt: JWT, not verified
//!   header: alg = HS256
//!   header: kid = app.key
//!   claim: iat = 1767225600 (2026-01-01 00:00:00 UTC)
//!   claim: x-ably-capability = {"chat":["*"]}
//!   found in: an Authorization header with Bearer
//!   problem: its signature has 3 bytes, not 32; pass on the whole token
//!   problem: `exp` is missing; give it in seconds since the epoch
//!   problem: `x-ably-capability` is an object; give its JSON as a string: "{\"chat\":[…]}"
//! $ node explore.mjs explorer.wasm inspect app.key:secret
//! key: API key
//!   key name: app.key
//!   app id: app
//!   key id: key
//!   secret: 6 characters, not shown
//! $ node explore.mjs explorer.wasm intersect '{"chat:*":["publish","subscribe"]}' '{"chat:lobby":["*"]}'
//! granted: {"chat:lobby":["publish","subscribe"]}
//!             * publish subscribe
//! chat:*      · ✗       ✗
//! chat:lobby  ○ ●       ●
//! $ node explore.mjs explorer.wasm intersect '{"chat:*":["publish"]}' '{"status":["publish"]}'
//! granted: {}
//!         publish
//! chat:*  ✗
//! status  ○
//! $ node explore.mjs explorer.wasm intersect '{"chat:*":["publish"]}' '{chat}'
//! error 40000: invalid `b`: expected the name of a resource (byte 1); write it as a JSON string, in double quotes
//! ```
//!
//! The page is `docs/explorer/`; `cargo xtask book` puts the module next to it.

mod question;

use std::sync::{Mutex, MutexGuard, PoisonError};

// WebAssembly functions pass only numbers, so texts are written into this memory and read from it.
static INPUT: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static OUTPUT: Mutex<String> = Mutex::new(String::new());

fn lock<T>(memory: &Mutex<T>) -> MutexGuard<'_, T> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the address for `length` bytes of input: a [`question::Question`] as JSON.
#[unsafe(no_mangle)]
pub extern "C" fn input(length: usize) -> *mut u8 {
    let mut input = lock(&INPUT);
    input.clear();
    input.resize(length, 0);
    input.as_mut_ptr()
}

/// Answers the question of the input. Returns the length in bytes of the output: JSON, as the service's console answers.
#[unsafe(no_mangle)]
pub extern "C" fn answer() -> usize {
    let answer = question::answer(&lock(&INPUT));
    let mut output = lock(&OUTPUT);
    *output = answer.to_string();
    output.len()
}

/// Returns the address of the output.
#[unsafe(no_mangle)]
pub extern "C" fn output() -> *const u8 {
    lock(&OUTPUT).as_ptr()
}
