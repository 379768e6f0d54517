//! The model: a record of everything that was asked and answered, without the code under test.

mod capability;
mod verdict;

use std::collections::BTreeMap;

use ably_auth_core::{ApiKey, TokenRequest};
use tokio::time::Instant;

pub use capability::{CHANNELS, Rights};
pub use verdict::{Exchange, RECOVERY, WINDOW};

/// A change that was asked for: some time later, it is certain.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked {
    pub asked: Option<Instant>,
    pub answered: Option<Instant>,
}

impl Asked {
    /// Returns whether the change may have been made before the moment.
    pub fn may_hold(self, at: Instant) -> bool {
        self.asked.is_some_and(|asked| asked <= at)
    }

    /// Returns whether the change was confirmed before the moment.
    pub fn must_hold(self, at: Instant) -> bool {
        self.answered.is_some_and(|answered| answered < at)
    }
}

#[derive(Debug)]
pub struct Key {
    pub key: ApiKey,
    pub rights: Rights,
    /// The key was created at run time.
    pub is_created: bool,
    pub revoked: Asked,
}

/// A signed token request.
#[derive(Debug)]
pub struct Signed {
    pub key: usize,
    pub request: TokenRequest,
    pub rights: Option<Rights>,
    pub client: String,
    pub ttl: u64,
    /// The time of the signer, in ms since the epoch.
    pub timestamp: u64,
    /// The error of the signer's clock, in ms.
    pub off: i64,
    pub attempts: u32,
    pub token: Option<usize>,
}

#[derive(Debug)]
pub struct Token {
    pub key: usize,
    pub text: String,
    pub rights: Rights,
    pub client: String,
    pub issued: u64,
    pub expires: u64,
}

#[derive(Debug)]
pub struct Revocation {
    pub key: usize,
    pub client: String,
    /// The latest time of issue that is revoked; unknown without an answer.
    pub issued_before: Option<u64>,
    pub at: Asked,
}

/// The loss of data.
#[derive(Clone, Copy, Debug, Default)]
pub struct Loss {
    /// The store said, or may have noticed, that it lost data: the moment, and in ms since the epoch.
    pub last: Option<(Instant, u64)>,
    /// Answered changes of keys may be lost.
    pub of_keys: bool,
    /// The secret that seals tokens may be lost.
    pub of_secret: bool,
}

#[derive(Debug, Default)]
pub struct Oracle {
    pub keys: Vec<Key>,
    pub signed: Vec<Signed>,
    pub tokens: Vec<Token>,
    pub revocations: Vec<Revocation>,
    pub loss: Loss,
    /// The last moment at which a fault was in effect.
    pub last_fault: Option<Instant>,
    /// A clock was off by more than a few seconds.
    pub were_clocks_off: bool,
    /// The latest time that any clock has shown.
    pub latest_clock: u64,
    pub counts: BTreeMap<String, u64>,
}

impl Oracle {
    pub fn count(&mut self, what: impl Into<String>) {
        *self.counts.entry(what.into()).or_default() += 1;
    }

    pub fn revocation_of<'a>(&'a self, token: &'a Token) -> impl Iterator<Item = &'a Revocation> {
        self.revocations.iter().filter(|known| known.key == token.key && known.client == token.client)
    }
}
