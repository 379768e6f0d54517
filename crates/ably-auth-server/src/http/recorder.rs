//! Records requests in the log of the console.

use std::borrow::Cow;

use ably_auth_core::{ErrorCode, ErrorInfo, KeyName, VerifiedTokenRequest};
use ably_auth_inspect::redact;
use http::header::AUTHORIZATION;
use http::{Method, StatusCode};

use super::call::Call;
use super::observations::MAX_NONCE;
use super::reply::Reply;
use super::request_labels::{self, Part, method, operation};
use super::route::{Route, query};
use crate::journal::Journal;
use crate::journal::checks::Check;
use crate::journal::row::{Details, Kind, Outcome, Row};
use crate::ops::metrics::Endpoint;
use crate::policy::authorize::EVERY_CHANNEL;
use crate::story::{Asked, Refused, credential_text, is_secret, named_key, shown};

/// The minimum length of a path with a token, in bytes.
const MIN_SECRET_PATH: usize = 24;

/// The maximum length of the body of a token request that is explained, in bytes.
const MAX_EXPLAINED_BODY: usize = 8 * 1024;

/// Records a request and its answer.
pub(super) fn record(call: &Call<'_>, reply: &Reply, endpoint: Endpoint) {
    let observed = &call.observations;
    let (Some(journal), Some(started)) = (&call.state.journal, observed.started) else { return };
    let refusal = observed.refusal.get();
    let is_admitted = if refusal.is_some() { journal.admission.admits_refused() } else { observed.is_admitted };
    // An accepted upgrade is recorded as a connection.
    if !is_admitted || reply.status() == StatusCode::SWITCHING_PROTOCOLS {
        return;
    }
    let path = call.parts.uri.path();
    let route = Route::of(path, true).ok();
    let (sender, issued) = (observed.sender.get(), observed.issued.get());
    let key_in_path = route.as_ref().and_then(key_in_path);
    let channel = route.as_ref().and_then(Route::channel);
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
        operation: route.as_ref().and_then(|route| operation(route, &call.parts.method)),
        duration_us: u64::try_from(duration.as_micros()).ok(),
        request_id: Some(shown(&call.request_id)),
        ..Row::new(call.now, Kind::Request, action(call, route.as_ref(), endpoint), Outcome::of_status(status))
    };
    let details = Details {
        checks: checks(call),
        credential: sender.map(|(_, facts)| &**facts),
        issued: issued.map(|issued| &*issued.facts),
        nonce: issued.and_then(|issued| issued.nonce.as_deref()).map(Into::into),
        evidence: None,
    };
    match refusal {
        None => journal.push(&row, &details),
        Some((code, reason)) => {
            let asked_channel = channel.map_or(EVERY_CHANNEL, |channel| &*channel.name);
            record_refusal(call, journal, (*code, reason), row, details, key_in_path.as_ref(), asked_channel);
        }
    }
}

/// Records a request that was refused, with the evidence.
fn record_refusal(
    call: &Call<'_>,
    journal: &Journal,
    (code, reason): (ErrorCode, &str),
    row: Row<'_>,
    details: Details<'_>,
    key_in_path: Option<&KeyName>,
    channel: &str,
) {
    let is_explained = row.action == "requestToken" && call.body.is_some_and(|body| body.len() <= MAX_EXPLAINED_BODY);
    let token_request = if is_explained { call.read_token_request().ok() } else { None };
    let credential = presented(call);
    let facts = details.credential.and_then(|facts| serde_json::from_str(facts.get()).ok());
    let refused = Refused {
        code,
        reason,
        failed: Check::failed_one(&details.checks).unwrap_or(Check::Request),
        credential: credential.as_deref(),
        facts: facts.as_ref(),
        token_request: token_request.as_ref(),
        key: key_in_path,
        asked: row.operation.map(|operation| Asked { operation, channel }),
        now: call.state.latest(call.now),
    };
    let evidence = if journal.admission.admits_evidence() { refused.evidence(call.state) } else { None };
    let readable = token_request.as_ref().zip(key_in_path);
    let readable = readable.and_then(|(request, key)| request.trust_key_holder(key).ok());
    let is_used = Check::list(&details.checks).contains(&(Check::Nonce, true));
    let nonce = readable.as_ref().filter(|_| is_used).and_then(VerifiedTokenRequest::nonce);
    let nonce = nonce.filter(|nonce| nonce.len() <= MAX_NONCE).map(Into::into);
    let asked = readable.and_then(|request| request.client_id().ok());
    let named = if row.key.is_none() { named_key(credential.as_deref()) } else { None };
    let row = Row {
        key: row.key.or(named.as_ref()),
        client_id: row.client_id.or_else(|| asked.as_ref()?.as_str().map(shown)),
        reason: Some(redact(reason)),
        ..row
    };
    journal.push(&row, &Details { nonce, evidence: evidence.as_deref(), ..details });
}

/// Records the refusal of a part of a request, of which the rest is granted.
pub(super) fn record_part(call: &Call<'_>, part: Part<'_>, error: &ErrorInfo) {
    let Some(journal) = call.state.journal.as_ref().filter(|journal| journal.admission.admits_refused()) else {
        return;
    };
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
    journal.push(&row, &details);
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
