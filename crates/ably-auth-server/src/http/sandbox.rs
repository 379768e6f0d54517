//! What a sandbox asks beside credentials: anybody on this machine may use it, and no web page from elsewhere may.

use std::net::IpAddr;

use ably_auth_core::ErrorCode;
use http::Uri;
use http::header::ORIGIN;
use http::uri::Authority;

use super::call::Call;
use crate::refusal::Refusal;

/// Refuses a request that a browser makes for a page from elsewhere: by its origin, or, where a name was made to point
/// here, by the host that it asked for.
pub(super) fn check(call: &Call<'_>) -> Result<(), Refusal> {
    // The host of an absolute target takes precedence over the `Host` header (RFC 9112, section 3.2.2).
    let host = call.parts.uri.authority().map(Authority::as_str).or_else(|| call.header("host"));
    let origin = call.parts.headers.get(ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
    let is_from_elsewhere = origin.is_some_and(|origin| !is_origin_here(origin));
    let asks_elsewhere = host.is_some_and(|host| {
        let authority = host.parse::<Authority>();
        !authority.is_ok_and(|authority| is_loopback(authority.host()))
    });
    if is_from_elsewhere || asks_elsewhere {
        let message =
            "a sandbox is for this machine alone; ask it as `localhost` or `127.0.0.1`, from a page of this machine";
        return Err(Refusal::new(ErrorCode::FORBIDDEN, message));
    }
    Ok(())
}

/// Whether a page of that origin is one of this machine.
pub(super) fn is_origin_here(origin: &str) -> bool {
    let uri = origin.parse::<Uri>();
    uri.is_ok_and(|uri| uri.authority().is_some_and(|authority| is_loopback(authority.host())))
}

fn is_loopback(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let is_name = host.eq_ignore_ascii_case("localhost") || host.to_ascii_lowercase().ends_with(".localhost");
    is_name || address.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn this_machine_has_several_names() {
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
