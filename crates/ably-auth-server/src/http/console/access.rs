//! Access to the console: the pages and the tokens that it accepts.

use ably_auth_core::{ErrorCode, Token};
use http::Uri;
use http::header::{AUTHORIZATION, ORIGIN};

use super::visit::Visit;
use crate::http::call::Call;
use crate::http::console_path::Mode;
use crate::http::sandbox;
use crate::limits::site;
use crate::refusal::Refusal;

/// Refuses a request from a page of another origin than the console's own. Browsers send the origin with each request
/// that can change something.
///
/// A sandbox that is public answers requests for any host, so a page could reach it under a name of its own. The
/// console is therefore served only under names of this machine, and those that the operator permitted by name.
pub(super) fn check_origin(visit: &Visit<'_>) -> Result<(), Refusal> {
    let Visit { call, mode } = visit;
    let target = sandbox::target(call.parts).flatten();
    let host = target.as_ref().map(http::uri::Authority::host).unwrap_or_default();
    let is_named = call.state.sandbox_access.hosts.iter().any(|named| named.eq_ignore_ascii_case(host));
    if *mode == Mode::Sandbox && target.is_some() && !is_named && !sandbox::is_loopback(host) {
        let problem = "the console is not served for this host; use `localhost` or `127.0.0.1`, or start the sandbox with \
                       `--sandbox-allow-host` and the name of the host";
        return Err(Refusal::new(ErrorCode::FORBIDDEN, problem));
    }
    let Some(origin) = call.parts.headers.get(ORIGIN) else {
        return Ok(());
    };
    let origin = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
    let is_own = origin.and_then(|origin| Some(origin.authority()? == target.as_ref()?));
    if is_own == Some(true) {
        return Ok(());
    }
    let problem = "the console answers only its own page; open the page at `/console` of this address";
    Err(Refusal::new(ErrorCode::FORBIDDEN, problem))
}

/// Refuses a request without the token of the admin console. Refusals above a rate are 429.
pub(super) fn check_token(call: &Call<'_>) -> Result<(), Refusal> {
    let console = call.state.console.as_ref();
    let mut headers = call.parts.headers.get_all(AUTHORIZATION).iter();
    let sent = headers.next().and_then(|header| header.to_str().ok()?.split_once(' '));
    let sent = sent.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer") && headers.next().is_none());
    let sent = sent.and_then(|(_, token)| Token::new(token.trim()).ok());
    let expected = console.and_then(|console| console.admin_token.as_ref());
    // Tokens are compared in constant time.
    if sent.is_some() && sent.as_ref() == expected {
        return Ok(());
    }
    if let (Some(console), Some(arrival)) = (console, call.arrival) {
        let taken = console.refusals.take(&site(arrival.client), call.state.stopwatch.elapsed());
        taken.map_err(|wait| Refusal::rate_limited("without the token of the console", wait))?;
    }
    let message = "the request has no valid token of the console; send it as `Authorization: Bearer …`";
    Err(Refusal::new(ErrorCode::INVALID_CREDENTIALS, message))
}
