//! Records requests in the log of the console.

use std::borrow::Cow;

use ably_auth_core::{ErrorCode, ErrorInfo, KeyName};
use ably_auth_inspect::redact;
use http::header::AUTHORIZATION;
use http::{Method, StatusCode};

use super::call::Call;
use super::console_path;
use super::reply::Reply;
use super::request_labels::{self, Part};
use super::route::{Route, query};
use crate::journal::checks::Check;
use crate::journal::row::{Details, Entry, Kind, Outcome, Row};
use crate::ops::metrics::Endpoint;
use crate::policy::authorize::EVERY_CHANNEL;
use crate::story::{Asked, Refused, credential_text, is_secret, named_key, shown};

/// The minimum length of a path with a token, in bytes.
const MIN_SECRET_PATH: usize = 24;

/// The maximum length of the body of a token request that is explained, in bytes.
const MAX_EXPLAINED_BODY: usize = 8 * 1024;

/// Records a request and its answer, except requests of the console itself, and those that only ask what is allowed.
pub(super) fn record(call: &Call<'_>, reply: &Reply, endpoint: Endpoint) {
    let (Some(journal), Some(started)) = (&call.state.journal, call.observations.started) else {
        return;
    };
    let path = call.parts.uri.path();
    let is_upgrade = reply.status() == StatusCode::SWITCHING_PROTOCOLS;
    if call.parts.method == Method::OPTIONS || is_upgrade || console_path::has_path(path) {
        return;
    }
    let refusal = call.observations.refusal.get();
    let is_admitted = if refusal.is_some() { journal.admits_refused() } else { call.observations.is_admitted };
    if !is_admitted {
        return;
    }
    let route = Route::of(path, true).ok();
    let (sender, issued) = (call.observations.sender.get(), call.observations.issued.get());
    let key_in_path = route.as_ref().and_then(key_in_path);
    let mut details = Details {
        checks: checks(call),
        credential: sender.map(|(_, facts)| &**facts),
        issued: issued.map(|issued| &*issued.facts),
        nonce: issued.and_then(|issued| issued.nonce.as_deref()).map(Into::into),
        evidence: None,
    };
    let channel = route.as_ref().and_then(Route::channel);
    let operation = route.as_ref().and_then(|route| request_labels::operation(route, &call.parts.method));
    let status = reply.status().as_u16();
    let duration = call.state.stopwatch.elapsed().saturating_sub(started);
    let client_id = call.client_id().or_else(|| issued.and_then(|issued| issued.client_id.as_deref()));
    let row = Row {
        method: Some(method(&call.parts.method)),
        path: Some(shown_path(path)),
        status: Some(status),
        code: reply.code.map(ErrorCode::as_u32),
        key: key_in_path.as_ref().filter(|name| !is_secret(name)).or_else(|| sender.map(|(key, _)| key.name())),
        client_id: client_id.map(shown),
        channel: channel.map(|channel| shown(&channel.name)),
        operation,
        duration_us: u64::try_from(duration.as_micros()).ok(),
        request_id: Some(shown(&call.request_id)),
        ..Row::new(call.now, Kind::Request, action(call, route.as_ref(), endpoint), Outcome::of_status(status))
    };
    let Some((code, reason)) = refusal else {
        return journal.push(&Entry::of(&row.encode(&details)));
    };
    let is_request = matches!(route, Some(Route::RequestToken(_)));
    let is_request = is_request && call.body.is_some_and(|body| body.len() <= MAX_EXPLAINED_BODY);
    let token_request = if is_request { call.read_token_request().ok() } else { None };
    let credential = presented(call);
    let facts = sender.and_then(|(_, facts)| serde_json::from_str(facts.get()).ok());
    let refused = Refused {
        code: *code,
        reason,
        failed: Check::failed_one(&details.checks).unwrap_or(Check::Request),
        credential: credential.as_deref(),
        facts: facts.as_ref(),
        token_request: token_request.as_ref(),
        key: key_in_path.as_ref(),
        asked: operation
            .map(|operation| Asked { operation, channel: channel.map_or(EVERY_CHANNEL, |channel| &*channel.name) }),
        now: call.state.latest(call.now),
    };
    let evidence = if journal.admits_evidence() { refused.evidence(call.state) } else { None };
    details.evidence = evidence.as_deref();
    if Check::list(&details.checks).contains(&(Check::Nonce, true)) {
        let request = token_request.as_ref().zip(key_in_path.as_ref());
        let request = request.and_then(|(request, key)| request.trust_key_holder(key).ok());
        details.nonce = request.and_then(|request| request.nonce()).map(Into::into);
    }
    let asked = token_request.as_ref().zip(key_in_path.as_ref());
    let asked = asked.and_then(|(request, key)| request.trust_key_holder(key).ok()?.client_id().ok());
    let named = if row.key.is_none() { named_key(credential.as_deref()) } else { None };
    let row = Row {
        key: row.key.or(named.as_ref()),
        client_id: row.client_id.or_else(|| asked.as_ref()?.as_str().map(shown)),
        reason: Some(redact(reason)),
        ..row
    };
    journal.push(&Entry::of(&row.encode(&details)));
}

/// Records the refusal of a part of a request, of which the rest is granted.
pub(super) fn record_part(call: &Call<'_>, part: Part<'_>, error: &ErrorInfo) {
    let Some(journal) = call.state.journal.as_ref().filter(|journal| journal.admits_refused()) else { return };
    let sender = call.observations.sender.get();
    let (action, operation, channel) = match part {
        Part::Channel(name) => ("publish", Some("publish"), Some(shown(name))),
        Part::Target(_) => ("revokeTokens", None, None),
    };
    let row = Row {
        status: Some(error.status_code()),
        code: Some(error.code().as_u32()),
        reason: Some(redact(error.message())),
        key: sender.map(|(key, _)| key.name()),
        client_id: call.client_id().map(shown),
        channel,
        operation,
        request_id: Some(shown(&call.request_id)),
        ..Row::new(call.now, Kind::Message, action, Outcome::of_status(error.status_code()))
    };
    let details = Details { credential: sender.map(|(_, facts)| &**facts), ..Details::default() };
    journal.push(&Entry::of(&row.encode(&details)));
}

/// Returns the numbers of the checks of a request. If it was refused by none of them, the last one says why.
fn checks(call: &Call<'_>) -> Vec<u8> {
    let mut checks = call.checks.numbers();
    if let Some((code, _)) = call.observations.refusal.get() {
        if Check::failed_one(&checks).is_none() {
            let check = match *code {
                ErrorCode::CAPABILITY_REFUSED => Check::Permitted,
                // The rate of an address is limited before anything else is checked.
                ErrorCode::RATE_LIMITED if checks.is_empty() => Check::Accepted,
                ErrorCode::RATE_LIMITED => Check::Rate,
                _ => Check::Request,
            };
            checks.push(check.failed());
        }
    }
    checks
}

/// Returns the beginning of the path, without keys and tokens.
fn shown_path(path: &str) -> Cow<'_, str> {
    // Short paths without a colon have neither.
    if path.len() < MIN_SECRET_PATH && !path.contains([':', '%']) {
        return path.into();
    }
    let path = request_labels::path(path);
    let segments: Vec<_> = path.split('/').map(|segment| shown(segment).into_owned()).collect();
    shown(&segments.join("/")).into_owned().into()
}

/// Returns the credential as the client sent it, which may be malformed.
fn presented<'a>(call: &Call<'a>) -> Option<Cow<'a, str>> {
    let header = call.parts.headers.get(AUTHORIZATION).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let in_query = || ["key", "accessToken", "access_token"].into_iter().find_map(|name| query(call.parts, name));
    let text = header.or_else(in_query)?;
    // Report on what the service reads: a token or a key may be in base64.
    Some(match call.credential() {
        Ok(Some(credential)) => credential_text(&credential).into(),
        _ => text,
    })
}

fn key_in_path(route: &Route<'_>) -> Option<KeyName> {
    match route {
        Route::RequestToken(key) | Route::RevokeTokens(key) => KeyName::parse(key).ok(),
        _ => None,
    }
}

fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

fn action(call: &Call<'_>, route: Option<&Route<'_>>, endpoint: Endpoint) -> &'static str {
    let is_post = call.parts.method == Method::POST;
    match route {
        _ if endpoint == Endpoint::Control => "control",
        None => "unknown",
        Some(Route::Root) => "about",
        Some(Route::Time) => "time",
        Some(Route::RequestToken(_)) => "requestToken",
        Some(Route::RevokeTokens(_)) => "revokeTokens",
        Some(Route::Channels) => "channels",
        Some(Route::Channel(_)) => "status",
        Some(Route::Messages(_) | Route::Publish(_)) if is_post => "publish",
        Some(Route::Messages(_) | Route::History(_) | Route::PresenceHistory(_) | Route::Publish(_)) => "history",
        Some(Route::Presence(_)) => "presence",
        Some(Route::Batch) => "batch",
        Some(Route::Stats) => "stats",
        Some(Route::Apps | Route::App(_)) => "apps",
    }
}
