//! Fuzz targets over everything that decodes what a stranger sends: `cargo xtask fuzz`.
//!
//! Each target is a function of bytes, so the committed corpora also run as a test, without libFuzzer.

pub mod choices;
pub mod connection;
pub mod doors;
pub mod memory;
pub mod targets;

#[path = "../../../crates/ably-auth-cli/src/config/file.rs"]
mod config_file;
#[path = "../../../crates/ably-auth-core/tests/api/oracle.rs"]
#[allow(dead_code, reason = "the tests of core use the rest")]
mod oracle;
#[path = "../../../crates/ably-auth-core/tests/api/oracle_algebra.rs"]
#[allow(dead_code, reason = "the tests of core use the rest")]
mod oracle_algebra;

/// A time at which the JWTs and token requests of the corpora are valid, in milliseconds since the Unix epoch.
pub const NOW: u64 = 1_449_746_287_318;
/// The secret of every key, which no response and no error may contain.
pub const SECRET: &str = "an-example-not-a-secret";

/// Returns the base64url of the HMAC of `text`, computed with another library than the crates use.
#[must_use]
pub fn hmac(secret: &str, text: &[u8]) -> Vec<u8> {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
    ring::hmac::sign(&key, text).as_ref().to_vec()
}
