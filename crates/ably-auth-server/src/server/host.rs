//! The Host header of a request, as RFC 9112 requires it.

use std::net::Ipv6Addr;

use ably_auth_core::ErrorCode;
use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderValue, Uri, Version};

use crate::refusal::Refusal;
use crate::sandbox_access::SandboxAccess;

/// The longest host that is read, in bytes: that of a DNS name.
const MAX_HOST: usize = 255;

/// Refuses a request of HTTP/1.1 that has no Host, and any that has several or one that is not a host.
pub(super) fn check(parts: &Parts) -> Result<(), Refusal> {
    let mut hosts = parts.headers.get_all(HOST).iter();
    let problem = match (hosts.next(), hosts.next()) {
        (None, _) if parts.version < Version::HTTP_11 => return Ok(()),
        (Some(host), None) if is_host(host) => return Ok(()),
        (None, _) => "there is no Host header; send one",
        (Some(_), Some(_)) => "there is more than one Host header; send one",
        (Some(_), None) => "the Host header is not a host with an optional port; send `Host: example.com`",
    };
    Err(Refusal::new(ErrorCode::BAD_REQUEST, format!("invalid request: {problem}")))
}

/// Replaces a host that a sandbox is allowed to be asked as by `localhost`, which is what the service takes requests for.
pub(super) fn localize(parts: &mut Parts, access: &SandboxAccess) {
    let is_allowed = |authority: &Authority| access.permits(authority.host());
    if let Some(authority) = parts.uri.authority() {
        if is_allowed(authority) {
            let mut uri = parts.uri.clone().into_parts();
            uri.authority = Some(Authority::from_static("localhost"));
            parts.uri = Uri::from_parts(uri).unwrap_or_default();
        }
        return;
    }
    let host = parts.headers.get(HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
    if host.as_ref().is_some_and(is_allowed) {
        parts.headers.insert(HOST, HeaderValue::from_static("localhost"));
    }
}

/// Returns whether the value is empty, or a host with an optional port.
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

/// Returns whether the bytes are a `reg-name` of RFC 3986, which an IPv4 address is too.
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

/// Returns whether the text is empty, or a colon and a port, which may be left out.
fn is_port(text: &str) -> bool {
    let digits = text.strip_prefix(':').unwrap_or(text);
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    text.is_empty() || (text.starts_with(':') && is_number && (digits.is_empty() || digits.parse::<u16>().is_ok()))
}
