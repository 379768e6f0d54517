//! Records connections and their messages in the log of the console.

use ably_auth_core::{ErrorCode, ErrorInfo, Timestamp};

use super::opening::Opening;
use super::session::{Ending, Session};
use crate::journal::checks::{Check, Checks};
use crate::journal::row::{CredentialFacts, Entry, Kind, Outcome, Row};
use crate::live::protocol::Action;
use crate::ops::refusal_log::truncate;
use crate::refusal::Refusal;
use crate::state::State;
use crate::story::{Asked, Refused, credential_text, named_key};

/// The request for a connection that may be refused.
pub(super) struct Attempt {
    /// The credential, if it can be read and the attempt is recorded.
    credential: Option<String>,
}

impl Attempt {
    pub(super) fn new(state: &State, opening: &Opening) -> Self {
        let claim = opening.claim.as_ref().ok().filter(|_| state.journal.is_some());
        Self { credential: claim.map(|(credential, _)| credential_text(credential)) }
    }

    /// Records that the connection was refused.
    pub(super) fn record(self, state: &State, checks: &Checks, refusal: &Refusal) {
        let Some(journal) = &state.journal else { return };
        let now = state.latest(state.clock.now());
        let mut checks = checks.list();
        if checks.iter().all(|(_, passed)| *passed) {
            checks.push((Check::Request, false));
        }
        let info = refusal.info();
        let row = Row { key: named_key(self.credential.as_deref()), ..refused(now, Kind::Connection, "connect", info) };
        let evidence = Refused {
            code: info.code(),
            reason: info.message(),
            failed: checks.last().map_or(Check::Request, |(check, _)| *check),
            credential: self.credential.as_deref(),
            facts: None,
            token_request: None,
            key: None,
            asked: None,
            now,
        };
        let evidence = evidence.evidence(state);
        journal.push(Entry { evidence, ..Entry::new(row, checks.into()) });
    }
}

/// Records that a connection was opened or resumed.
pub(super) fn opened(state: &State, session: &Session, checks: &Checks) {
    let row = Row::new(state.clock.now(), Kind::Connection, "connect", Outcome::Granted);
    push(state, session, row, checks.list(), None);
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
    let row = Row { channel: channel.map(|channel| truncate(channel).into()), operation, ..row };
    let check = match error.map(ErrorInfo::code) {
        None => None,
        Some(ErrorCode::CAPABILITY_REFUSED) => Some(Check::Permitted),
        Some(_) => Some(Check::Request),
    };
    push(state, session, row, check.map(|check| (check, false)).into_iter().collect(), asked);
}

fn refused(now: Timestamp, kind: Kind, action: &'static str, error: &ErrorInfo) -> Row {
    Row {
        status: Some(error.status_code()),
        code: Some(error.code().as_u32()),
        reason: Some(error.message().into()),
        ..Row::new(now, kind, action, Outcome::of_status(error.status_code()))
    }
}

fn push(state: &State, session: &Session, row: Row, checks: Vec<(Check, bool)>, asked: Option<Asked<'_>>) {
    let Some(journal) = &state.journal else { return };
    let principal = session.principal();
    // Most entries are messages that are granted, so they have no facts about the credential.
    let has_facts = row.kind == Kind::Connection || row.outcome != Outcome::Granted;
    let facts = has_facts.then(|| Box::new(CredentialFacts::of(principal)));
    let refused = row.reason.as_deref().zip(row.code).zip(checks.last()).map(|((reason, code), (failed, _))| Refused {
        code: ErrorCode::new(code),
        reason,
        failed: *failed,
        credential: None,
        facts: facts.as_deref(),
        token_request: None,
        key: None,
        asked,
        now: row.at,
    });
    let evidence = refused.and_then(|refused| refused.evidence(state));
    let row = Row {
        key: Some(principal.key.name().clone()),
        client_id: session.client_id().map(|client_id| truncate(client_id).into()),
        connection_id: Some(session.connection_id().into()),
        ..row
    };
    journal.push(Entry { evidence, credential: facts, ..Entry::new(row, checks.into()) });
}
