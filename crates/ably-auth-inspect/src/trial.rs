//! Trials: computing a signature over other texts or with other secrets, within a budget.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

use crate::cause::Cause;

/// A mistake of a sender: what happened, and what to change.
#[derive(Clone)]
pub(crate) struct Mistake {
    title: String,
    explanation: String,
    fix: String,
}

impl Mistake {
    pub(crate) fn new(title: impl Into<String>, explanation: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { title: title.into(), explanation: explanation.into(), fix: fix.into() }
    }

    /// Returns the cause that consists of these mistakes. `None` if there are none.
    pub(crate) fn cause(mistakes: &[&Self]) -> Option<Cause> {
        let join = |part: fn(&Self) -> &str, between: &str| {
            mistakes.iter().map(|mistake| part(mistake)).collect::<Vec<_>>().join(between)
        };
        let [title, explanation, fix] =
            [join(|m| &m.title, "; "), join(|m| &m.explanation, " "), join(|m| &m.fix, " ")];
        (!mistakes.is_empty()).then(|| Cause::new(title, explanation, fix).certain())
    }
}

/// A secret to try, and the mistake of a sender that signs with it. The sender's own secret has none.
pub(crate) struct Secret {
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    pub(crate) mistake: Option<Mistake>,
}

/// A hash function of HMAC.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// Returns the hash function whose results have this length.
    pub(crate) const fn of_len(bytes: usize) -> Option<Self> {
        match bytes {
            32 => Some(Self::Sha256),
            48 => Some(Self::Sha384),
            64 => Some(Self::Sha512),
            _ => None,
        }
    }

    pub(crate) fn hmac(self, secret: &[u8], text: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Hmac::<Sha256>::new_from_slice(secret)
                .map(|hmac| hmac.chain_update(text).finalize().into_bytes().to_vec()),
            Self::Sha384 => Hmac::<Sha384>::new_from_slice(secret)
                .map(|hmac| hmac.chain_update(text).finalize().into_bytes().to_vec()),
            Self::Sha512 => Hmac::<Sha512>::new_from_slice(secret)
                .map(|hmac| hmac.chain_update(text).finalize().into_bytes().to_vec()),
        }
        // HMAC takes secrets of any length, so there is no error.
        .unwrap_or_default()
    }
}

/// Returns the plain SHA-256 of `text`, which some senders use instead of HMAC.
pub(crate) fn sha256(text: &[u8]) -> Vec<u8> {
    Sha256::digest(text).to_vec()
}

/// The work that is left for trials. A stranger chooses the length of the texts, so bytes count too.
pub(crate) struct Budget {
    trials: usize,
    bytes: usize,
    is_exhausted: bool,
}

impl Budget {
    /// The maximum number of trials for one signature.
    pub(crate) const MAX_TRIALS: usize = 2000;
    /// The maximum number of bytes that are hashed for one signature.
    pub(crate) const MAX_BYTES: usize = 512 * 1024;

    pub(crate) const fn new() -> Self {
        Self { trials: Self::MAX_TRIALS, bytes: Self::MAX_BYTES, is_exhausted: false }
    }

    /// Returns true, and counts a trial, if it is within the budget.
    pub(crate) fn takes(&mut self, bytes: usize) -> bool {
        match (self.trials.checked_sub(1), self.bytes.checked_sub(bytes)) {
            (Some(trials), Some(bytes)) => {
                self.trials = trials;
                self.bytes = bytes;
                true
            }
            _ => {
                self.is_exhausted = true;
                false
            }
        }
    }

    /// Returns true after a trial was refused. Callers then build no further texts.
    pub(crate) const fn is_exhausted(&self) -> bool {
        self.is_exhausted
    }

    /// Returns the number of trials that were made.
    pub(crate) const fn spent(&self) -> usize {
        Self::MAX_TRIALS.saturating_sub(self.trials)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budget_ends_after_trials_or_bytes() {
        let mut budget = Budget::new();
        assert_eq!((0..3000).filter(|_| budget.takes(100)).count(), Budget::MAX_TRIALS);
        let mut budget = Budget::new();
        assert_eq!((0..3000).filter(|_| budget.takes(Budget::MAX_BYTES / 4)).count(), 4);
        assert_eq!(budget.spent(), 4);
    }
}
