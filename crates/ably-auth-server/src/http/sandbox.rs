//! The hosts and web pages that a sandbox answers. A sandbox accepts requests without credentials. So by default it
//! answers only requests for this machine, and only pages of this machine.

use std::net::IpAddr;

use ably_auth_core::ErrorCode;
use http::Uri;
use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::uri::Authority;

use super::call::Call;
use crate::refusal::Refusal;
use crate::sandbox_access::SandboxAccess;

/// Refuses a request for a host, or from a page, that the sandbox does not answer. This includes a foreign host name
/// that resolves to this machine (DNS rebinding).
pub(super) fn check(call: &Call<'_>) -> Result<(), Refusal> {
    let access = &call.state.sandbox_access;
    let is_answered =
        |host: Option<Authority>| host.is_some_and(|host| is_loopback(host.host()) || access.permits(host.host()));
    let problem = if target(call.parts).is_some_and(|host| !is_answered(host)) {
        "this sandbox does not answer requests for this host; use `localhost` or `127.0.0.1`, or start the sandbox with \
         `--sandbox-allow-host` and the name of the host"
    } else if !answers_page(access, call.parts) {
        "this sandbox does not answer pages of this origin; open the page from `localhost`, or start the sandbox with \
         `--sandbox-allow-host` and the host name that the page uses"
    } else {
        return Ok(());
    };
    Err(Refusal::new(ErrorCode::FORBIDDEN, problem))
}

/// Returns true if the request comes from no page, from a page of this machine, or from any page if the request is for
/// a host that the operator permitted.
///
/// Every page in a developer's browser can send requests to `localhost`. So a page that sends requests to this machine
/// is answered only if the sandbox is public, even if the operator permitted `localhost` by name.
pub(super) fn answers_page(access: &SandboxAccess, parts: &Parts) -> bool {
    let Some(origin) = parts.headers.get(ORIGIN) else {
        return true;
    };
    let is_named = |host: &str| access.permits(host) && (access.is_public || !is_loopback(host));
    let is_permitted = || target(parts).flatten().is_some_and(|host| is_named(host.host()));
    is_origin_here(origin.to_str().unwrap_or_default()) || is_permitted()
}

/// Returns the host of the request, if it names one; `Some(None)` if that is not a valid host.
pub(super) fn target(parts: &Parts) -> Option<Option<Authority>> {
    // The host of an absolute target takes precedence over the `Host` header (RFC 9112, section 3.2.2).
    if let Some(authority) = parts.uri.authority() {
        return Some(Some(authority.clone()));
    }
    parts.headers.get(HOST).map(|host| Authority::try_from(host.as_bytes()).ok())
}

/// Returns true if pages of that origin are pages of this machine.
fn is_origin_here(origin: &str) -> bool {
    let uri = origin.parse::<Uri>();
    uri.is_ok_and(|uri| uri.authority().is_some_and(|authority| is_loopback(authority.host())))
}

pub(super) fn is_loopback(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let is_name = host.eq_ignore_ascii_case("localhost") || host.to_ascii_lowercase().ends_with(".localhost");
    is_name || address.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn names_of_this_machine_are_loopback() {
        for host in ["localhost", "LocalHost", "app.localhost", "127.0.0.1", "127.9.9.9", "[::1]", "[::ffff:127.0.0.1]"]
        {
            assert!(is_loopback(host), "{host}");
        }
        for host in
            ["", "evil.example", "localhost.evil.example", "10.0.0.1", "[::2]", "0.0.0.0", "127.0.0.1.evil.example"]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
