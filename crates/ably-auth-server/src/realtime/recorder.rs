//! Records connections and their messages in the log of the console.

use ably_auth_backend::credentials::Credential;
use ably_auth_core::{ErrorCode, ErrorInfo, Timestamp};
use ably_auth_inspect::redact;
use serde_json::value::to_raw_value;

use super::opening::{Opening, as_connection_error};
use super::session::{Ending, Session};
use crate::journal::checks::{Check, Checks};
use crate::journal::row::{CredentialFacts, Details, Kind, Outcome, Row};
use crate::live::protocol::Action;
use crate::refusal::Refusal;
use crate::state::State;
use crate::story::{Asked, Refused, credential_text, named_key, shown};

/// A credential that a client presents for a connection, and that may be refused.
pub(super) struct Attempt {
    action: &'static str,
    is_token: bool,
    /// The credential, if it can be read and the attempt is recorded.
    credential: Option<String>,
}

impl Attempt {
    /// Returns the attempt to open a connection.
    pub(super) fn to_connect(state: &State, opening: &Opening) -> Self {
        let credential = opening.claim.as_ref().ok().map(|(credential, _)| credential);
        Self { is_token: opening.has_token(), ..Self::new(state, "connect", credential) }
    }

    /// Returns the attempt to replace the credential of a connection.
    pub(super) fn to_authorize(state: &State, credential: &Credential) -> Self {
        Self::new(state, "auth", Some(credential))
    }

    fn new(state: &State, action: &'static str, credential: Option<&Credential>) -> Self {
        Self { action, is_token: true, credential: credential.filter(|_| state.journal.is_some()).map(credential_text) }
    }

    /// Records that the credential was refused.
    pub(super) fn record(self, state: &State, checks: &Checks, refusal: &Refusal) {
        let Some(journal) = state.journal.as_ref().filter(|journal| journal.admission.admits_refused()) else { return };
        let now = state.latest(state.clock.now());
        let mut checks = checks.numbers();
        let failed = Check::failed_one(&checks).unwrap_or_else(|| {
            checks.push(Check::Request.failed());
            Check::Request
        });
        let (info, key) = (refusal.info(), named_key(self.credential.as_deref()));
        let sent = as_connection_error(refusal, self.is_token);
        let row = Row { key: key.as_ref(), ..refused(now, Kind::Connection, self.action, &sent) };
        let evidence = Refused {
            code: info.code(),
            reason: info.message(),
            failed,
            credential: self.credential.as_deref(),
            facts: None,
            token_request: None,
            key: None,
            asked: None,
            now,
        };
        let evidence = if journal.admission.admits_evidence() { evidence.evidence(state) } else { None };
        let details = Details { checks, evidence: evidence.as_deref(), ..Details::default() };
        journal.push(&row, &details);
    }
}

/// Records that a connection was opened or resumed.
pub(super) fn opened(state: &State, session: &Session, checks: &Checks) {
    let row = Row::new(state.clock.now(), Kind::Connection, "connect", Outcome::Granted);
    push(state, session, row, checks.numbers(), None);
}

/// Records that a connection ended.
pub(super) fn ended(state: &State, session: &Session, ending: &Ending) {
    let now = state.clock.now();
    let row = match ending {
        Ending::Closed | Ending::Lost => Row::new(now, Kind::Connection, "disconnect", Outcome::Granted),
        Ending::Disconnected(error) | Ending::Failed(error) => refused(now, Kind::Connection, "disconnect", error),
    };
    push(state, session, row, Vec::new(), None);
}

/// Records a message of a connection, or to it: one that is granted, or refused with `error`.
pub(super) fn message(
    state: &State,
    session: &Session,
    action: Action,
    channel: Option<&str>,
    error: Option<&ErrorInfo>,
) {
    if state.journal.is_none() {
        return;
    }
    let (name, operation, kind) = match action {
        Action::Auth => ("prompt", None, Kind::Connection),
        Action::Connected => ("auth", None, Kind::Connection),
        Action::Attach => ("attach", Some("subscribe"), Kind::Connection),
        Action::Detach => ("detach", None, Kind::Connection),
        Action::Message => ("publish", Some("publish"), Kind::Message),
        Action::Presence => ("presence", Some("presence"), Kind::Message),
        _ => ("message", None, Kind::Message),
    };
    let now = state.clock.now();
    let row =
        error.map_or_else(|| Row::new(now, kind, name, Outcome::Granted), |error| refused(now, kind, name, error));
    let asked = operation.zip(channel).map(|(operation, channel)| Asked { operation, channel });
    let row = Row { channel: channel.map(shown), operation, ..row };
    let check = match error.map(ErrorInfo::code) {
        None => None,
        Some(ErrorCode::CAPABILITY_REFUSED) => Some(Check::Permitted),
        Some(_) => Some(Check::Request),
    };
    push(state, session, row, check.map(Check::failed).into_iter().collect(), asked);
}

fn refused<'a>(now: Timestamp, kind: Kind, action: &'static str, error: &'a ErrorInfo) -> Row<'a> {
    Row {
        status: Some(error.status_code()),
        code: Some(error.code().as_u32()),
        reason: Some(redact(error.message())),
        ..Row::new(now, kind, action, Outcome::of_status(error.status_code()))
    }
}

fn push(state: &State, session: &Session, row: Row<'_>, checks: Vec<u8>, asked: Option<Asked<'_>>) {
    let Some(journal) = &state.journal else { return };
    let admission = &journal.admission;
    let is_admitted = if row.reason.is_some() { admission.admits_refused() } else { admission.admits_granted() };
    if !is_admitted {
        return;
    }
    let principal = session.principal();
    // Granted messages are by far the most frequent entries. They have no facts about the credential, to save memory.
    let has_facts = row.kind == Kind::Connection || row.outcome != Outcome::Granted;
    let facts = has_facts.then(|| CredentialFacts::of(principal));
    let refused = row.reason.as_deref().zip(row.code).map(|(reason, code)| Refused {
        code: ErrorCode::new(code),
        reason,
        failed: Check::failed_one(&checks).unwrap_or(Check::Request),
        credential: None,
        facts: facts.as_ref(),
        token_request: None,
        key: None,
        asked,
        now: row.at,
    });
    let evidence = refused.filter(|_| admission.admits_evidence()).and_then(|refused| refused.evidence(state));
    let facts = facts.and_then(|facts| to_raw_value(&facts).ok());
    let row = Row {
        key: Some(principal.key.name()),
        client_id: session.client_id().map(shown),
        connection_id: Some(session.connection_id()),
        ..row
    };
    let details = Details { checks, credential: facts.as_deref(), evidence: evidence.as_deref(), ..Details::default() };
    journal.push(&row, &details);
}
