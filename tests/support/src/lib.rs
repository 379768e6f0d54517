//! Values and helpers that the tests of several crates share.

mod alone;
mod events;
pub mod socket;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub use alone::run_in_separate_process;
pub use events::{EventSubscriber, RecordedEvents};

/// A key from Ably's documentation.
pub const KEY: &str = "I2E_JQ.OqUdfg:EVKVTCBlzLBPYJiCZTsIW_pqylJ9WVRB5K9P19Ap1y0";
pub const KEY_NAME: &str = "I2E_JQ.OqUdfg";
/// The secret of [`KEY`].
pub const SECRET: &str = "EVKVTCBlzLBPYJiCZTsIW_pqylJ9WVRB5K9P19Ap1y0";
/// The key of a service or of a backend, in tests with both sides.
pub const SHOP_KEY: &str = "shop.backend:a-secret-of-the-shop";
/// The time of the tests, in milliseconds since the Unix epoch.
pub const NOW: u64 = 1_449_746_287_318;

/// Returns an `Authorization` header value for a key.
pub fn basic(key: &str) -> String {
    format!("Basic {}", STANDARD.encode(key))
}

/// Returns an `Authorization` header value for a token.
pub fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn basic_credential_is_base64() {
        assert_eq!(super::basic("a.b:cd"), "Basic YS5iOmNk");
        assert_eq!(super::basic("a.b:cde"), "Basic YS5iOmNkZQ==");
        assert_eq!(super::basic("a.b:cdef"), "Basic YS5iOmNkZWY=");
    }
}
