//! Records requests in the log of the console.

use std::borrow::Cow;
use std::sync::OnceLock;
use std::time::Duration;

use ably_auth_core::{ErrorCode, ErrorInfo, KeyName, TokenDetails, TokenRequest, VerifiedTokenRequest};
use http::header::AUTHORIZATION;
use http::{Method, StatusCode};

use super::call::Call;
use super::control;
use super::refusal_log::{self, Part};
use super::reply::Reply;
use super::route::{Route, query};
use crate::journal::checks::Check;
use crate::journal::row::{CredentialFacts, Entry, Kind, Outcome, Row};
use crate::ops::refusal_log::truncate;
use crate::policy::authenticate::Principal;
use crate::refusal::Refusal;
use crate::state::State;
use crate::store::Fingerprint;
use crate::story::{Asked, Refused, credential_text, named_key, nonce};

/// What is known of a request that is being processed. It stays empty if nothing is recorded.
pub(super) struct Recorder {
    started: Option<Duration>,
    sender: OnceLock<CredentialFacts>,
    issued: OnceLock<Issued>,
    refusal: OnceLock<(ErrorCode, Box<str>)>,
}

struct Issued {
    asked: Option<Box<str>>,
    facts: CredentialFacts,
    nonce: Option<Fingerprint>,
}

impl Recorder {
    pub(super) fn new(state: &State) -> Self {
        Self {
            started: state.journal.as_ref().map(|_| state.stopwatch.elapsed()),
            sender: OnceLock::new(),
            issued: OnceLock::new(),
            refusal: OnceLock::new(),
        }
    }

    pub(super) fn note_sender(&self, principal: &Principal) {
        if self.started.is_some() {
            self.sender.get_or_init(|| CredentialFacts::of(principal));
        }
    }

    pub(super) fn note_issued(&self, request: &TokenRequest, details: &TokenDetails) {
        if let (Some(_), Some(facts)) = (self.started, CredentialFacts::of_details(details)) {
            let request_of_key = request.trust_key_holder(&facts.key).ok();
            let asked = request_of_key.as_ref().and_then(VerifiedTokenRequest::capability_text).map(Into::into);
            let nonce = nonce(request, &facts.key);
            self.issued.get_or_init(|| Issued { asked, facts, nonce });
        }
    }

    pub(super) fn note_refusal(&self, refusal: &Refusal) {
        if self.started.is_some() {
            self.refusal.get_or_init(|| (refusal.info().code(), refusal.info().message().into()));
        }
    }
}

/// Records a request and its answer, except requests of the console itself, and those that only ask what is allowed.
pub(super) fn record(call: &Call<'_>, reply: &Reply) {
    let (Some(journal), Some(started)) = (&call.state.journal, call.recorder.started) else {
        return;
    };
    let path = call.parts.uri.path();
    let is_upgrade = reply.status() == StatusCode::SWITCHING_PROTOCOLS;
    if call.parts.method == Method::OPTIONS || is_upgrade || path == "/console" || path.starts_with("/console/") {
        return;
    }
    let route = Route::of(path, true).ok();
    let refusal = call.recorder.refusal.get();
    let channel = route.as_ref().and_then(Route::channel);
    let operation = route.as_ref().and_then(|route| refusal_log::operation(route, &call.parts.method));
    let sender = call.recorder.sender.get();
    let key_in_path = route.as_ref().and_then(key_in_path);
    let client_id = call.client_id().or_else(|| sender.and_then(|facts| facts.client_id.as_deref()));
    let issued = call.recorder.issued.get();
    let client_id = client_id.or_else(|| issued.and_then(|issued| issued.facts.client_id.as_deref()));
    let status = reply.status().as_u16();
    let now = call.state.latest(call.now);
    let duration = call.state.stopwatch.elapsed().saturating_sub(started);
    let row = Row {
        method: Some(method(&call.parts.method)),
        path: Some(refusal_log::path(path).into()),
        status: Some(status),
        code: reply.code.map(ErrorCode::as_u32),
        reason: refusal.map(|(_, reason)| reason.clone()),
        key: key_in_path.clone().or_else(|| sender.map(|facts| facts.key.clone())),
        client_id: client_id.map(|client_id| truncate(client_id).into()),
        channel: channel.map(|channel| truncate(&channel.name).into()),
        operation,
        duration_us: u64::try_from(duration.as_micros()).ok(),
        request_id: Some((&*call.request_id).into()),
        ..Row::new(call.now, Kind::Request, action(call, route.as_ref()), Outcome::of_status(status))
    };
    let mut entry = Entry::new(row, checks(call).into());
    entry.credential = sender.cloned().map(Box::new);
    if let Some(Issued { asked, facts, nonce }) = issued {
        entry.issued = Some(Box::new((asked.clone(), facts.clone())));
        entry.nonce = *nonce;
    }
    if let Some((code, reason)) = refusal {
        let is_request = matches!(route, Some(Route::RequestToken(_)));
        let token_request = if is_request { call.read_token_request().ok() } else { None };
        let credential = presented(call);
        let failed = entry.checks.last().map_or(Check::Request, |(check, _)| *check);
        let refused = Refused {
            code: *code,
            reason,
            failed,
            credential: credential.as_deref(),
            facts: sender,
            token_request: token_request.as_ref(),
            key: key_in_path.as_ref(),
            asked: operation
                .map(|operation| Asked { operation, channel: channel.map_or("*", |channel| &*channel.name) }),
            now,
        };
        entry.evidence = refused.evidence(call.state);
        if entry.checks.contains(&(Check::Nonce, true)) {
            entry.nonce =
                token_request.as_ref().zip(key_in_path.as_ref()).and_then(|(request, key)| nonce(request, key));
        }
        if entry.row.key.is_none() {
            entry.row.key = named_key(credential.as_deref());
        }
    }
    journal.push(entry);
}

/// Records the refusal of a part of a request, of which the rest is granted.
pub(super) fn record_part(call: &Call<'_>, part: Part<'_>, error: &ErrorInfo) {
    let Some(journal) = &call.state.journal else { return };
    let sender = call.recorder.sender.get();
    let (action, operation, channel) = match part {
        Part::Channel(name) => ("publish", Some("publish"), Some(truncate(name).into())),
        Part::Target(_) => ("revokeTokens", None, None),
    };
    let row = Row {
        status: Some(error.status_code()),
        code: Some(error.code().as_u32()),
        reason: Some(error.message().into()),
        key: sender.map(|facts| facts.key.clone()),
        client_id: call.client_id().map(|client_id| truncate(client_id).into()),
        channel,
        operation,
        request_id: Some((&*call.request_id).into()),
        ..Row::new(call.now, Kind::Message, action, Outcome::of_status(error.status_code()))
    };
    let mut entry = Entry::new(row, Box::default());
    entry.credential = sender.cloned().map(Box::new);
    journal.push(entry);
}

/// Returns the checks of a request. If it was refused by none of them, the last one says why.
fn checks(call: &Call<'_>) -> Vec<(Check, bool)> {
    let mut checks = call.checks.list();
    if let Some((code, _)) = call.recorder.refusal.get().filter(|_| checks.iter().all(|(_, passed)| *passed)) {
        let check = match *code {
            ErrorCode::CAPABILITY_REFUSED => Check::Permitted,
            ErrorCode::RATE_LIMITED => Check::Rate,
            _ => Check::Request,
        };
        checks.push((check, false));
    }
    checks
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

fn action(call: &Call<'_>, route: Option<&Route<'_>>) -> &'static str {
    let is_post = call.parts.method == Method::POST;
    match route {
        _ if control::is_control_request(call) => "control",
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
