//! Parsers of option values. Their errors say how to write the value.

use std::net::SocketAddr;
use std::time::Duration;

use ably_auth::parse_duration;

/// A duration, and whether it was given without a unit.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    pub(crate) duration: Duration,
    pub(crate) is_bare: bool,
}

/// Parses a time in milliseconds since the epoch.
pub(super) fn milliseconds(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "give whole milliseconds since the epoch, such as 1767225600000".into())
}

/// Parses a duration with units, or a bare number of milliseconds.
pub(super) fn span(text: &str) -> Result<Span, String> {
    if let Ok(millis) = text.parse() {
        return Ok(Span { duration: Duration::from_millis(millis), is_bare: true });
    }
    let problem = "give a duration such as `1h`, `90m`, `30s` or `500ms`; a number without a unit is in milliseconds";
    parse_duration(text).map(|duration| Span { duration, is_bare: false }).ok_or_else(|| problem.into())
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "not an IP address with a port; give one such as 127.0.0.1:8484 or [::1]:8484".into())
}
