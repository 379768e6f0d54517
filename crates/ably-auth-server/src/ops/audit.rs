//! Audit events: security-relevant operations, with the caller and the outcome.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ably_auth_core::{ErrorCode, KeyName};
use tracing::{Level, enabled, event, field};

use crate::error::ErrorKind;
use crate::limits::Rate;
use crate::limits::rate_limiter::Buckets;
use crate::ops::metrics::{self, Metrics};

/// The `tracing` target by which subscribers select audit events.
const TARGET: &str = "ably_auth_server::audit";

/// The name of the rate limit bucket that all refused requests without a known caller share.
const UNKNOWN_CALLERS: &str = "unknown callers";

/// Returns true if a subscriber takes audit events; otherwise, callers need not collect their fields.
pub(crate) fn is_wanted() -> bool {
    enabled!(target: TARGET, Level::INFO)
}

/// An operation that is audited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    ListApps,
    CreateApp,
    DeleteApp,
    ListKeys,
    CreateKey,
    ChangeKey,
    RevokeKey,
    /// A request to the Control API for a path or with a method that does not exist.
    UnknownControl,
    CreateSandboxApp,
    DeleteSandboxApp,
    RevokeTokens,
    Reload,
    TrustClock,
    LoadSecrets,
    EndConnection,
    /// The console showed the secret of a key.
    #[cfg(feature = "console")]
    RevealKey,
    #[cfg(feature = "console")]
    RotateKey,
    #[cfg(feature = "console")]
    ResetSandbox,
}

impl Action {
    const fn name(self) -> &'static str {
        match self {
            Self::ListApps => "app.list",
            Self::CreateApp => "app.create",
            Self::DeleteApp => "app.delete",
            Self::ListKeys => "key.list",
            Self::CreateKey => "key.create",
            Self::ChangeKey => "key.update",
            Self::RevokeKey => "key.revoke",
            Self::UnknownControl => "control.unknown",
            Self::CreateSandboxApp => "sandbox.app.create",
            Self::DeleteSandboxApp => "sandbox.app.delete",
            Self::RevokeTokens => "tokens.revoke",
            Self::Reload => "apps.reload",
            Self::TrustClock => "clock.trust",
            Self::LoadSecrets => "secrets.load",
            Self::EndConnection => "connection.end",
            #[cfg(feature = "console")]
            Self::RevealKey => "key.reveal",
            #[cfg(feature = "console")]
            Self::RotateKey => "key.rotate",
            #[cfg(feature = "console")]
            Self::ResetSandbox => "sandbox.reset",
        }
    }
}

/// The result of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Refused,
    /// The client disconnected before the response; the operation may have completed.
    Unknown,
}

impl Outcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}

/// An operation that a client requested. No field holds a secret, a token or a clientId.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) action: Action,
    pub(crate) method: &'static str,
    /// The name of a control token, or of the key that the client authenticated with.
    pub(crate) actor: Option<&'a str>,
    pub(crate) app: Option<&'a str>,
    pub(crate) key: Option<&'a str>,
    pub(crate) target_kinds: Option<&'a str>,
    /// The number of targets revoked, or of keys or apps listed.
    pub(crate) count: Option<u64>,
    /// True if the response holds the secret of a key.
    pub(crate) secrets: Option<bool>,
    pub(crate) client: Option<IpAddr>,
    pub(crate) request_id: &'a str,
    pub(crate) outcome: Outcome,
    pub(crate) code: Option<ErrorCode>,
}

/// The source of service secrets.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SecretSource {
    Configured,
    Store,
}

/// The emitter of audit events. Refusals of unauthenticated requests are limited to a rate, because anybody can cause
/// them.
#[derive(Debug)]
pub(crate) struct Audit {
    refusals: Option<Buckets>,
    /// The number of events suppressed since the last emitted event.
    suppressed: AtomicU64,
    /// True if the last reload failed because the store did not answer. Such a reload is retried twice a second; only
    /// the first failure is an event.
    is_reload_failing: AtomicBool,
}

impl Audit {
    pub(crate) fn new(refusals: Option<Rate>) -> Self {
        Self {
            refusals: refusals.map(Buckets::new),
            suppressed: AtomicU64::new(0),
            is_reload_failing: AtomicBool::new(false),
        }
    }

    /// Records a request. `up` is the time since the service was built.
    pub(crate) fn request(&self, request: &Request<'_>, metrics: &Metrics, up: Duration) {
        let is_limited = request.actor.is_none() && request.outcome != Outcome::Done;
        let refusals = self.refusals.as_ref().filter(|_| is_limited);
        if refusals.is_some_and(|refusals| refusals.take(UNKNOWN_CALLERS, up).is_err()) {
            metrics::add(&self.suppressed, 1);
            metrics::add(&metrics.audit_suppressed, 1);
            return;
        }
        let suppressed = Some(self.suppressed.swap(0, Ordering::Relaxed)).filter(|count| *count > 0);
        let Request { method, actor, app, key, target_kinds, count, secrets, request_id, .. } = *request;
        let (action, outcome) = (request.action.name(), request.outcome.name());
        let client = request.client.map(field::display);
        let code = request.code.map_or(0, ErrorCode::as_u32);
        event!(
            target: TARGET,
            Level::INFO,
            action,
            method,
            actor,
            app,
            key,
            target_kinds,
            count,
            secrets,
            client,
            request_id,
            outcome,
            code,
            suppressed,
            "audit"
        );
    }

    /// Records a reload: the numbers of keys added, changed and removed, or the kind of the error.
    pub(crate) fn reload(&self, result: Result<(usize, usize, usize), ErrorKind>) {
        let action = Action::Reload.name();
        let is_transient = result.err() == Some(ErrorKind::Store);
        if self.is_reload_failing.swap(is_transient, Ordering::Relaxed) && is_transient {
            return;
        }
        match result {
            Ok((keys_added, keys_changed, keys_removed)) => {
                let outcome = Outcome::Done.name();
                event!(
                    target: TARGET,
                    Level::INFO,
                    action,
                    keys_added,
                    keys_changed,
                    keys_removed,
                    outcome,
                    code = 0_u32,
                    "audit"
                );
            }
            Err(_) => {
                let code = if is_transient { ErrorCode::TIMEOUT } else { ErrorCode::BAD_REQUEST };
                let (outcome, code) = (Outcome::Refused.name(), code.as_u32());
                event!(target: TARGET, Level::INFO, action, outcome, code, "audit");
            }
        }
    }
}

/// Records that the operator declared the clock to be right, and whether that was stored.
pub(crate) fn trust_clock(is_done: bool) {
    let (outcome, code) = if is_done { (Outcome::Done, 0) } else { (Outcome::Refused, ErrorCode::TIMEOUT.as_u32()) };
    let (action, outcome) = (Action::TrustClock.name(), outcome.name());
    event!(target: TARGET, Level::INFO, action, outcome, code, "audit");
}

/// Records that a realtime connection of a key, or of one of its tokens, was ended because it was revoked.
pub(crate) fn end_connection(key: &KeyName, code: ErrorCode) {
    let (action, outcome) = (Action::EndConnection.name(), Outcome::Done.name());
    let (app, key, code) = (key.app_id(), key.as_str(), code.as_u32());
    event!(target: TARGET, Level::INFO, action, app, key, outcome, code, "audit");
}

/// Records the number of service secrets that a service starts with, and their source.
pub(crate) fn load_secrets(count: usize, source: SecretSource) {
    let source = match source {
        SecretSource::Configured => "configured",
        SecretSource::Store => "store",
    };
    let (action, outcome) = (Action::LoadSecrets.name(), Outcome::Done.name());
    event!(target: TARGET, Level::INFO, action, count, source, outcome, code = 0_u32, "audit");
}
