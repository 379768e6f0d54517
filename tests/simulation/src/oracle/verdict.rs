//! The judgement of each response.

use std::time::Duration;

use tokio::time::Instant;

use super::{Oracle, Rights};
use crate::response::Response;

/// The time after a fault during which requests may still be refused for it.
pub const RECOVERY: Duration = Duration::from_secs(5);

/// The time after a loss during which signed requests may be refused: the window, and the interval in which the store
/// writes the time.
pub const WINDOW: Duration = Duration::from_secs(2 * 60 + 60 + 10);

/// The largest difference of clocks in ms that must not be noticed.
pub const TOLERATED_MS: i64 = 60_000;

const NOT_CURRENT: u64 = 40104;
const REPLAYED: u64 = 40105;
const TOKEN_REVOKED: u64 = 40141;
const TOKEN_EXPIRED: u64 = 40142;
const UNRECOGNISED: u64 = 40143;
const REFUSED_CAPABILITY: u64 = 40160;
const UNAVAILABLE: u64 = 50003;
const KEY_REVOKED: u64 = 40131;
const UNKNOWN_KEY: u64 = 40400;

/// The times of a request and of its response.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    pub sent: Instant,
    pub answered: Instant,
    /// The clock of the service when the request was sent, in ms since the epoch.
    pub clock: u64,
}

type Judgement = Result<(), String>;

impl Oracle {
    fn is_disturbed(&self, at: Instant) -> bool {
        self.last_fault.is_some_and(|fault| at.saturating_duration_since(fault) < RECOVERY)
    }

    /// Judges whether the service may say that it cannot decide.
    fn may_be_unavailable(&self, at: Exchange) -> bool {
        self.is_disturbed(at.sent) || self.is_disturbed(at.answered) || self.were_clocks_off
    }

    /// Returns whether the nonce of a request with this timestamp may have been used and lost.
    fn may_nonce_be_lost(&self, timestamp: u64) -> bool {
        let ahead = if self.were_clocks_off { TOLERATED_MS as u64 } else { 0 };
        self.loss.last.is_some_and(|(_, loss)| timestamp < loss + ahead + WINDOW.as_millis() as u64)
    }

    /// Returns whether the change of a key may be unknown: it is lost, or the service that knows it has not written it back.
    fn may_keys_be_lost(&self, at: Exchange) -> bool {
        self.loss.of_keys || self.loss.last.is_some() && self.is_disturbed(at.answered)
    }

    fn judge_key(&self, key: usize, response: &Response, at: Exchange) -> Option<Judgement> {
        let key = &self.keys[key];
        if response.is_success() {
            let is_wrong = key.revoked.must_hold(at.sent) && !self.may_keys_be_lost(at);
            return is_wrong.then(|| Err("a revoked key works".into()));
        }
        match response.code() {
            KEY_REVOKED | TOKEN_REVOKED if key.revoked.may_hold(at.answered) => Some(Ok(())),
            UNKNOWN_KEY | UNRECOGNISED if key.is_created && self.may_keys_be_lost(at) => Some(Ok(())),
            UNAVAILABLE if self.may_be_unavailable(at) => Some(Ok(())),
            _ => None,
        }
    }

    /// Judges the response to a signed token request, which has been sent `attempts` times.
    pub fn judge_request(&self, signed: usize, response: &Response, at: Exchange) -> Judgement {
        let signed = &self.signed[signed];
        if let Some(judgement) = self.judge_key(signed.key, response, at) {
            return judgement;
        }
        let key = &self.keys[signed.key];
        let asked = signed.rights.clone().unwrap_or_else(Rights::all);
        let expected = key.rights.both(&asked);
        if response.is_success() {
            if signed.token.is_some() {
                return Err("a token request was exchanged twice".into());
            }
            let details = response.token().ok_or("the response has no token")?;
            let granted = details.rights.probe();
            if granted != expected {
                return Err(format!("{granted:?} was granted instead of {expected:?}"));
            }
            if details.expires - details.issued > signed.ttl {
                return Err("the token lives longer than was asked".into());
            }
            return Ok(());
        }
        match response.code() {
            REPLAYED if signed.attempts > 1 => Ok(()),
            NOT_CURRENT if self.were_clocks_off || signed.off.abs() > TOLERATED_MS => Ok(()),
            NOT_CURRENT | UNAVAILABLE if self.may_nonce_be_lost(signed.timestamp) => Ok(()),
            // It is too old by now.
            NOT_CURRENT if signed.timestamp + 60_000 < at.clock => Ok(()),
            REFUSED_CAPABILITY if expected.is_empty() => Ok(()),
            code => Err(format!("a token request was refused with {code}: {}", response.message())),
        }
    }

    /// Judges the response to a request with a token for an operation on a channel.
    pub fn judge_use(
        &self,
        token: usize,
        (channel, operation): (&str, &str),
        response: &Response,
        at: Exchange,
    ) -> Judgement {
        let token = &self.tokens[token];
        let permits = token.rights.permits(channel, operation);
        if response.is_success() || response.code() == REFUSED_CAPABILITY {
            if token.expires <= at.clock {
                return Err(format!("a token that expired at {} is accepted at {}", token.expires, at.clock));
            }
            let is_revoked = |revocation: &super::Revocation| {
                revocation.at.must_hold(at.sent)
                    && revocation.issued_before.is_some_and(|before| token.issued <= before)
            };
            if self.revocation_of(token).any(is_revoked) {
                return Err("a revoked token is accepted".into());
            }
        }
        if response.is_success() && !permits {
            return Err(format!("a token without {operation} on {channel} is accepted"));
        }
        if let Some(judgement) = self.judge_key(token.key, response, at) {
            return judgement;
        }
        if response.is_success() {
            return Ok(());
        }
        match response.code() {
            REFUSED_CAPABILITY if !permits => Ok(()),
            TOKEN_EXPIRED if token.expires <= self.latest_clock.max(at.clock) + 2_000 || self.were_clocks_off => Ok(()),
            TOKEN_REVOKED if self.revocation_of(token).any(|known| known.at.may_hold(at.answered)) => Ok(()),
            TOKEN_REVOKED if self.loss.last.is_some() || self.were_clocks_off => Ok(()),
            UNRECOGNISED if self.loss.of_secret => Ok(()),
            code => Err(format!("a token was refused with {code}: {}", response.message())),
        }
    }

    /// Judges the first message of a connection that was opened with a token.
    pub fn judge_connection(&self, token: usize, response: &Response, at: Exchange) -> Judgement {
        // Any right suffices to connect.
        let rights = self.tokens[token].rights.probe();
        let right = rights.first().copied().unwrap_or(("status", "publish"));
        self.judge_use(token, right, response, at)
    }

    /// Judges whether a connection may be open whose token had all its rights withdrawn before `since`.
    pub fn judge_open(&self, token: usize, since: Instant) -> Judgement {
        let token = &self.tokens[token];
        let has_ended = |known: &super::Revocation| {
            known.at.must_hold(since) && known.issued_before.is_some_and(|before| token.issued <= before)
        };
        if self.revocation_of(token).any(has_ended) {
            return Err("a connection is open long after its token was revoked".into());
        }
        if self.keys[token.key].revoked.must_hold(since) && self.loss.last.is_none() {
            return Err("a connection is open long after its key was revoked".into());
        }
        Ok(())
    }

    /// Judges the response to a request with a key.
    pub fn judge_basic(&self, key: usize, response: &Response, at: Exchange) -> Judgement {
        if let Some(judgement) = self.judge_key(key, response, at) {
            return judgement;
        }
        if response.is_success() {
            return Ok(());
        }
        Err(format!("a key was refused with {}: {}", response.code(), response.message()))
    }

    /// Judges the response to a change by the owner of a key or of the Control API.
    pub fn judge_change(&self, response: &Response, at: Exchange) -> Judgement {
        match response.code() {
            _ if response.is_success() => return Ok(()),
            UNAVAILABLE if self.may_be_unavailable(at) => return Ok(()),
            UNKNOWN_KEY if self.may_keys_be_lost(at) => return Ok(()),
            _ => {}
        }
        Err(format!("a change was refused with {}: {}", response.code(), response.message()))
    }
}
