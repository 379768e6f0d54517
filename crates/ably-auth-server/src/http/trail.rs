//! The audit event of a request, collected while the request is processed.

use std::net::IpAddr;
use std::sync::Mutex;

use ably_auth_core::{ErrorCode, KeyName};
#[cfg(feature = "console")]
use http::Method;
use http::request::Parts;

use super::arrival::Arrival;
#[cfg(feature = "console")]
use super::console_path;
use super::request_labels::method;
use super::route::{self, Route};
use crate::ops::audit::{self, Action, Outcome};
use crate::state::State;
use crate::sync::lock;

/// The maximum length of an id in an event. Longer ids from a path are left out.
const MAX_ID_CHARS: usize = 128;

/// The fields of an event that become known while the request is processed.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) actor: Option<String>,
    pub(super) app: Option<String>,
    pub(super) key: Option<KeyName>,
    pub(super) target_kinds: Option<String>,
    pub(super) count: Option<u64>,
    pub(super) secrets: Option<bool>,
}

/// The pending audit event of a request. If it is dropped unfinished, the client disconnected while the request was
/// processed. That emits an event too, because the store may have been written.
pub(super) struct Trail<'a> {
    state: &'a State,
    action: Action,
    method: &'static str,
    client: Option<IpAddr>,
    request_id: String,
    notes: Mutex<Notes>,
    is_finished: bool,
}

impl<'a> Trail<'a> {
    /// Starts the event of a request, if the request is audited and a subscriber takes the event.
    pub(super) fn start(state: &'a State, parts: &Parts, arrival: Option<Arrival>, request_id: &str) -> Option<Self> {
        Self::of(subject(state, parts)?, state, parts, arrival, request_id)
    }

    /// Starts the event of a request to the console on the admin address.
    #[cfg(feature = "console")]
    pub(super) fn start_console(state: &'a State, parts: &Parts, arrival: Arrival, request_id: &str) -> Option<Self> {
        Self::of(console_subject(parts)?, state, parts, Some(arrival), request_id)
    }

    fn of(
        (action, notes): (Action, Notes),
        state: &'a State,
        parts: &Parts,
        arrival: Option<Arrival>,
        request_id: &str,
    ) -> Option<Self> {
        audit::is_wanted().then(|| Self {
            state,
            action,
            method: method(&parts.method),
            client: arrival.map(|arrival| arrival.client),
            request_id: request_id.to_owned(),
            notes: Mutex::new(notes),
            is_finished: false,
        })
    }

    pub(super) fn note(&self, change: impl FnOnce(&mut Notes)) {
        change(&mut lock(&self.notes));
    }

    /// Emits the event, with the outcome that `code` and the notes give.
    pub(super) fn finish(mut self, code: Option<ErrorCode>) {
        // A batch counts as done if at least one of its targets was revoked.
        let has_done_some = lock(&self.notes).count.map(|count| count > 0);
        let is_done = match (self.action, has_done_some) {
            (Action::RevokeTokens, Some(has_done_some)) => has_done_some,
            _ => code.is_none(),
        };
        self.emit(if is_done { Outcome::Done } else { Outcome::Refused }, code);
    }

    fn emit(&mut self, outcome: Outcome, code: Option<ErrorCode>) {
        self.is_finished = true;
        let notes = lock(&self.notes);
        let request = audit::Request {
            action: self.action,
            method: self.method,
            actor: notes.actor.as_deref(),
            app: notes.app.as_deref(),
            key: notes.key.as_ref().map(KeyName::as_str),
            target_kinds: notes.target_kinds.as_deref(),
            count: notes.count,
            secrets: notes.secrets,
            client: self.client,
            request_id: &self.request_id,
            outcome,
            code,
        };
        self.state.audit.request(&request, &self.state.metrics, self.state.stopwatch.elapsed());
    }
}

impl Drop for Trail<'_> {
    fn drop(&mut self) {
        if !self.is_finished {
            self.emit(Outcome::Unknown, None);
        }
    }
}

/// Returns the action and the app and key that the path names; `None` for a request that is not audited.
fn subject(state: &State, parts: &Parts) -> Option<(Action, Notes)> {
    let (path, method) = (parts.uri.path(), parts.method.as_str());
    if method == "OPTIONS" {
        return None;
    }
    if let Some(path) = path.strip_prefix("/v1/").filter(|_| !state.control_tokens.is_empty()) {
        return Some(control(method, path));
    }
    #[cfg(feature = "console")]
    if console_path::is_served(state, parts) {
        return console_subject(parts);
    }
    if !path.ends_with("/revokeTokens") && !path.starts_with("/apps") {
        return None;
    }
    match (method, Route::of(path, state.sandbox).ok()?) {
        ("POST", Route::RevokeTokens(key)) => {
            let key = key_name(&key);
            let app = key.as_ref().map(|key| key.app_id().to_owned());
            Some((Action::RevokeTokens, Notes { app, key, ..Notes::default() }))
        }
        ("POST", Route::Apps) => Some((Action::CreateSandboxApp, Notes::default())),
        ("DELETE", Route::App(id)) => {
            Some((Action::DeleteSandboxApp, Notes { app: plain_id(&id), ..Notes::default() }))
        }
        _ => None,
    }
}

/// Returns the action of a request to the console.
#[cfg(feature = "console")]
fn console_subject(parts: &Parts) -> Option<(Action, Notes)> {
    if parts.method != Method::POST {
        return None;
    }
    let path = console_path::api_path(parts.uri.path())?;
    let mut segments = path.splitn(4, '/').map(|segment| route::decode(segment).unwrap_or_default());
    let segments = [(); 4].map(|()| segments.next());
    let segments = segments.each_ref().map(Option::as_deref);
    let (action, key) = match segments {
        [Some("keys"), Some(key), Some("reveal"), None] => (Action::RevealKey, key_name(key)),
        [Some("keys"), Some(key), Some("rotate"), None] => (Action::RotateKey, key_name(key)),
        [Some("connections"), Some(_), Some("revoke"), None] | [Some("revocations"), None, ..] => {
            (Action::RevokeTokens, None)
        }
        [Some("connections"), Some(_), Some("end"), None] => (Action::EndConnection, None),
        [Some("reset"), None, ..] => (Action::ResetSandbox, None),
        _ => return None,
    };
    Some((action, Notes { app: key.as_ref().map(|key| key.app_id().to_owned()), key, ..Notes::default() }))
}

fn control(method: &str, path: &str) -> (Action, Notes) {
    let segments: Vec<_> = path.splitn(6, '/').map(|segment| route::decode(segment).unwrap_or_default()).collect();
    let segments: Vec<&str> = segments.iter().map(|segment| &**segment).collect();
    let (action, app, key) = match (method, segments.as_slice()) {
        ("GET" | "HEAD", ["accounts", _, "apps"]) => (Action::ListApps, "", ""),
        ("POST", ["accounts", _, "apps"]) => (Action::CreateApp, "", ""),
        ("DELETE", ["apps", app]) => (Action::DeleteApp, *app, ""),
        ("GET" | "HEAD", ["apps", app, "keys"]) => (Action::ListKeys, *app, ""),
        ("POST", ["apps", app, "keys"]) => (Action::CreateKey, *app, ""),
        ("PATCH", ["apps", app, "keys", key]) => (Action::ChangeKey, *app, *key),
        ("POST", ["apps", app, "keys", key, "revoke"]) => (Action::RevokeKey, *app, *key),
        _ => (Action::UnknownControl, "", ""),
    };
    (action, Notes { app: plain_id(app), key: key_name(&format!("{app}.{key}")), ..Notes::default() })
}

/// Returns `text` if it is a plausible id, which a log can show. A client may send any text as an id, even a secret.
fn plain_id(text: &str) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    (!text.is_empty() && text.len() <= MAX_ID_CHARS && text.bytes().all(is_plain)).then(|| text.to_owned())
}

fn key_name(text: &str) -> Option<KeyName> {
    let (app, key) = text.split_once('.')?;
    plain_id(app).zip(plain_id(key))?;
    KeyName::parse(text).ok()
}
