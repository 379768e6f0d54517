//! Validation of the Host header of a request (RFC 9112).

use std::net::Ipv6Addr;

use ably_auth_core::ErrorCode;
use http::header::HOST;
use http::request::Parts;
use http::{HeaderValue, Version};

use crate::refusal::Refusal;

/// The maximum length of a host in bytes, which is that of a DNS name.
const MAX_HOST: usize = 255;

/// Refuses a request with several Host headers or an invalid one, and an HTTP/1.1 request without one.
pub(super) fn check(parts: &Parts) -> Result<(), Refusal> {
    let mut hosts = parts.headers.get_all(HOST).iter();
    let problem = match (hosts.next(), hosts.next()) {
        (None, _) if parts.version < Version::HTTP_11 => return Ok(()),
        (Some(host), None) if is_host(host) => return Ok(()),
        (None, _) => "the Host header is missing; send exactly one",
        (Some(_), Some(_)) => "more than one Host header; send exactly one",
        (Some(_), None) => "the Host header is not `host` or `host:port`; send for example `Host: example.com`",
    };
    Err(Refusal::new(ErrorCode::BAD_REQUEST, format!("invalid request: {problem}")))
}

/// Returns true if `value` is empty, or a host with an optional port.
fn is_host(value: &HeaderValue) -> bool {
    let Ok(text) = std::str::from_utf8(value.as_bytes()) else {
        return false;
    };
    let (is_valid, host, port) = if let Some(rest) = text.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else {
            return false;
        };
        (address.parse::<Ipv6Addr>().is_ok(), address, port)
    } else {
        let (host, port) = text.split_at(text.find(':').unwrap_or(text.len()));
        (is_name(host.as_bytes()), host, port)
    };
    is_valid && host.len() <= MAX_HOST && is_port(port)
}

/// Returns true if `name` is a `reg-name` of RFC 3986. An IPv4 address also is one.
fn is_name(mut name: &[u8]) -> bool {
    while let Some((first, rest)) = name.split_first() {
        name = match (first, rest) {
            (b'%', [high, low, rest @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => rest,
            (byte, rest) if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(byte) => rest,
            _ => return false,
        };
    }
    true
}

/// Returns true if `text` is empty, or a colon with an optional port number.
fn is_port(text: &str) -> bool {
    let digits = text.strip_prefix(':').unwrap_or(text);
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    text.is_empty() || (text.starts_with(':') && is_number && (digits.is_empty() || digits.parse::<u16>().is_ok()))
}
