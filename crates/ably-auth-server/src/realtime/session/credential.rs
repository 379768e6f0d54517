//! The credential of a connection: prompts, its end, and its replacement by AUTH.

use ably_auth_core::{ErrorCode, ErrorInfo, Timestamp, Token};

use super::effect::{Effect, Ending, Moment};
use super::state::{Session, client_id_of};
use crate::live::protocol::Inbound;
use crate::policy::authenticate::Principal;
use crate::policy::standing::End;
use crate::realtime::opening::as_connection_error;
use crate::refusal::Refusal;

/// The time before the end of a token at which the client is prompted to renew it, in milliseconds.
const PROMPT_MILLIS: u64 = 30_000;

/// A client whose token ends within this time is not prompted, in milliseconds: it could not renew the token in time.
const MIN_PROMPT_MILLIS: u64 = 5_500;

impl Session {
    /// Handles AUTH from the client.
    pub(super) fn present(message: Inbound) -> Vec<Effect> {
        let text = message.auth.and_then(|auth| auth.access_token);
        let Some(text) = text else {
            let problem = "invalid AUTH: it has no token; set `auth.accessToken`";
            return vec![Effect::End(Ending::Failed(ErrorInfo::new(ErrorCode::INVALID_CREDENTIALS, problem)))];
        };
        match Token::new(&text) {
            Ok(token) => vec![Effect::Verify(token)],
            Err(error) => vec![Effect::End(Ending::Failed(as_connection_error(&Refusal::from(error), true)))],
        }
    }

    /// Replaces the credential by the one that the client presented with AUTH, or ends the connection (`RTC8a`).
    pub(crate) fn reauthenticate(
        &mut self,
        verified: Result<(Principal, Option<End>), Refusal>,
        at: Moment,
    ) -> Vec<Effect> {
        let (principal, end) = match verified {
            Ok(verified) => verified,
            Err(refusal) => return vec![Effect::End(ending_of(&refusal, true))],
        };
        let problem = if principal.app.app.id() != self.principal.app.app.id() {
            Some("the token is one of another app; open another connection")
        } else if client_id_of(&principal) != self.client_id() {
            Some("the token has another clientId than the connection; open another connection")
        } else {
            None
        };
        if let Some(problem) = problem {
            let error = ErrorInfo::new(ErrorCode::INCOMPATIBLE_CREDENTIALS, problem);
            return vec![Effect::End(Ending::Failed(error))];
        }
        self.principal = principal;
        self.prompted = None;
        self.prompt_from = end.as_ref().map_or(at.now, |end| prompt_after_renewal(end.at, at.now));
        let mut effects = vec![Effect::Connected];
        effects.extend(self.review_attachments());
        effects.extend(self.set_end(Ok(end), at));
        effects
    }

    /// Sets the end of the credential after it was judged again; ends the connection if it does not hold any more.
    pub(crate) fn set_end(&mut self, standing: Result<Option<End>, Refusal>, at: Moment) -> Vec<Effect> {
        match standing {
            Ok(end) => self.end = end,
            Err(refusal) if self.principal.is_key_holder() => {
                return vec![Effect::End(Ending::Failed(as_connection_error(&refusal, false)))];
            }
            Err(refusal) => return vec![Effect::End(Ending::Disconnected(refusal.info().clone()))],
        }
        let mut effects = self.review_attachments();
        effects.extend(self.tick(at));
        effects
    }

    /// Handles the passage of time: prompts the client, or ends the connection.
    pub(crate) fn tick(&mut self, at: Moment) -> Vec<Effect> {
        let Some(end) = &self.end else {
            return Vec::new();
        };
        if end.at <= at.now {
            let error = end.refusal.info().clone();
            let is_key_holder = self.principal.is_key_holder();
            return vec![Effect::End(if is_key_holder { Ending::Failed(error) } else { Ending::Disconnected(error) })];
        }
        if self.prompt_at(end.at).is_some_and(|moment| moment <= at.now) {
            self.prompted = Some(end.at);
            if end.at.millis_since(at.now) >= MIN_PROMPT_MILLIS {
                return vec![Effect::Prompt];
            }
        }
        Vec::new()
    }

    /// Returns the next moment at which [`tick`](Self::tick) has something to do.
    pub(crate) fn next_tick(&self) -> Option<Timestamp> {
        let end = self.end.as_ref()?.at;
        Some(self.prompt_at(end).unwrap_or(end))
    }

    /// Returns when the client is prompted to renew its token, if it is to be prompted, and whether it was.
    #[cfg(feature = "console")]
    pub(crate) fn prompt(&self) -> (Option<Timestamp>, bool) {
        let end = self.end.as_ref().map(|end| end.at);
        (end.and_then(|end| self.prompt_at(end)), end.is_some() && self.prompted == end)
    }

    /// Returns when to prompt the client for a credential that ends at `end`; `None` if it was prompted, or has a key,
    /// which it cannot renew.
    fn prompt_at(&self, end: Timestamp) -> Option<Timestamp> {
        let is_due = self.prompted != Some(end) && !self.principal.is_key_holder();
        let ahead = Timestamp::from_millis(end.as_millis().saturating_sub(PROMPT_MILLIS));
        is_due.then(|| ahead.max(self.prompt_from).min(end))
    }
}

/// Returns the earliest moment to prompt a client that has just presented a token that ends at `end`. A prompt at once
/// would make a client with short tokens renew them without pause, so half of the time must have passed.
fn prompt_after_renewal(end: Timestamp, now: Timestamp) -> Timestamp {
    let left = end.millis_since(now);
    if left >= PROMPT_MILLIS {
        return now;
    }
    let half = (left / 2).max(MIN_PROMPT_MILLIS);
    Timestamp::from_millis(end.as_millis().saturating_sub(half)).max(now)
}

/// Returns the ending of a connection whose credential is refused.
pub(crate) fn ending_of(refusal: &Refusal, is_token: bool) -> Ending {
    let error = as_connection_error(refusal, is_token);
    // The client may try again later, without a change.
    if error.status_code() >= 500 || error.status_code() == 429 {
        Ending::Disconnected(error)
    } else {
        Ending::Failed(error)
    }
}
