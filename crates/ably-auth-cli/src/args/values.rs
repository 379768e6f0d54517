//! Parsers of option values. Their errors say how to write the value.

use std::net::SocketAddr;
use std::time::Duration;

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
    units(text).map(|duration| Span { duration, is_bare: false }).ok_or_else(|| problem.into())
}

/// Parses numbers with units, such as `1h30m`, and returns their sum.
fn units(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = 0_u64;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count());
        let (unit, after) = after.split_at(after.bytes().take_while(u8::is_ascii_alphabetic).count());
        let millis = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(millis)?)?;
        rest = after;
    }
    (!text.is_empty()).then_some(Duration::from_millis(total))
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "not an IP address with a port; give one such as 127.0.0.1:8484 or [::1]:8484".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, millis) in [
            ("1h", 3_600_000),
            ("90m", 5_400_000),
            ("90min", 5_400_000),
            ("30s", 30_000),
            ("500ms", 500),
            ("1h30m", 5_400_000),
            ("1d", 86_400_000),
            ("0s", 0),
        ] {
            assert_eq!(units(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in
            ["", "h", "1", "1 h", "1.5h", "-1h", "1H", "1w", "1h30", "18446744073709551615h", "99999999999999999999s"]
        {
            assert_eq!(units(text), None, "{text}");
        }
    }
}
