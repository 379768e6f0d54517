//! Checks for texts that are given as a token and are not a token.

use ably_auth_core::{ApiKey, Token};

/// Returns what is wrong with `token` and what to do, if it clearly is not a token. The result does not quote it.
pub(crate) fn problem(token: &Token) -> Option<&'static str> {
    const QUOTES: [char; 3] = ['"', '\'', '`'];
    let text = token.expose();
    if text.starts_with(QUOTES) || text.ends_with(QUOTES) {
        return Some("is in quotes; use the token without quotes");
    }
    if text.starts_with(['{', '[']) {
        return Some("is JSON; parse token details or a token request from it");
    }
    if ApiKey::parse(text).is_ok() {
        return Some("is an API key; set it as the key, and only in programs that may have all of its rights");
    }
    None
}
