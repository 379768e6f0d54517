//! Access to the console: the pages and the tokens that it accepts.

use ably_auth_core::{ErrorCode, Token};
use http::header::{AUTHORIZATION, ORIGIN};
use http::request::Parts;
use http::{HeaderValue, Uri};

use super::visit::Visit;
use crate::http::call::Call;
use crate::http::console_path::{Mode, api_path};
use crate::http::sandbox;
use crate::limits::site;
use crate::refusal::Refusal;
use crate::state::State;

/// Refuses a request from a page of another origin than the console's own. Browsers send the origin with each request
/// that can change something.
///
/// A sandbox that is public answers requests for any host, so a page could reach it under a name of its own. The
/// console is therefore served only under names of this machine, and those that the operator permitted by name.
pub(super) fn check_origin(visit: &Visit<'_>) -> Result<(), Refusal> {
    let Visit { call, mode } = visit;
    let target = sandbox::target(call.parts).flatten();
    let host = target.as_ref().map(http::uri::Authority::host).unwrap_or_default();
    // Another machine can send any `Host`, so a name of this machine counts only on a connection from this machine.
    let is_local = call.arrival.is_none_or(|arrival| arrival.client.to_canonical().is_loopback());
    let is_named = call.state.sandbox_access.hosts.iter().any(|named| named.eq_ignore_ascii_case(host));
    let is_of_this_machine = is_local && (target.is_none() || sandbox::is_loopback(host));
    if *mode == Mode::Sandbox && !is_named && !is_of_this_machine {
        let problem = "the console is not served for this host; use `localhost` or `127.0.0.1`, or start the sandbox with \
                       `--sandbox-allow-host` and the name of the host";
        return Err(Refusal::new(ErrorCode::FORBIDDEN, problem));
    }
    // Browsers send this header with requests that have no `Origin`, such as images.
    let site = call.header("sec-fetch-site").unwrap_or("none");
    let is_of_other_site = api_path(call.parts.uri.path()).is_some() && !matches!(site, "none" | "same-origin");
    let is_own = |origin: &HeaderValue| {
        let origin = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
        origin.and_then(|origin| Some(origin.authority()? == target.as_ref()?)) == Some(true)
    };
    if !is_of_other_site && call.parts.headers.get(ORIGIN).is_none_or(is_own) {
        return Ok(());
    }
    let problem = "the console answers only its own page; open the page at `/console` of this address";
    Err(Refusal::new(ErrorCode::FORBIDDEN, problem))
}

/// Returns true if the request has the token of the admin console.
pub(crate) fn has_admin_token(state: &State, parts: &Parts) -> bool {
    let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
    let sent = headers.next().and_then(|header| header.to_str().ok()?.split_once(' '));
    let sent = sent.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer") && headers.next().is_none());
    let sent = sent.and_then(|(_, token)| Token::new(token.trim()).ok());
    let expected = state.console.as_ref().and_then(|console| console.admin_token.as_ref());
    // Tokens are compared in constant time.
    sent.is_some() && sent.as_ref() == expected
}

/// Refuses a request without the token of the admin console. Refusals above a rate are 429.
pub(super) fn check_token(call: &Call<'_>) -> Result<(), Refusal> {
    if has_admin_token(call.state, call.parts) {
        return Ok(());
    }
    let console = call.state.console.as_ref();
    if let (Some(console), Some(arrival)) = (console, call.arrival) {
        console
            .count_refusal(site(arrival.client))
            .map_err(|wait| Refusal::rate_limited("without the token of the console", wait))?;
    }
    let message = "the request has no valid token of the console; send it as `Authorization: Bearer …`";
    Err(Refusal::new(ErrorCode::INVALID_CREDENTIALS, message))
}
