//! The store that lasts as long as the process.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use ably_auth_core::{KeyName, Timestamp, TokenRevocationTargetSpecifier};

use super::nonces::Nonces;
use super::references::References;
use super::revocations::{Cutoff, Revocations, Subject};
use crate::token::{Claims, Reference};

/// Short locks, none of which is held over anything slow.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    nonces: Mutex<Nonces>,
    revocations: RwLock<Revocations>,
    references: Mutex<References>,
}

impl Memory {
    /// Whether the nonce is used for the first time; from then on it is used.
    pub(crate) fn use_nonce(&self, key: &KeyName, timestamp: Timestamp, nonce: &str, now: Timestamp) -> bool {
        let fingerprint = Nonces::fingerprint(key, nonce);
        lock(&self.nonces).use_once(timestamp, fingerprint, now)
    }

    /// Revokes the tokens of that key that any of the targets describes.
    pub(crate) fn revoke(
        &self,
        key: &KeyName,
        targets: &[TokenRevocationTargetSpecifier],
        cutoff: Cutoff,
        now: Timestamp,
    ) {
        self.revocations.write().unwrap_or_else(PoisonError::into_inner).revoke(key, targets, cutoff, now);
    }

    /// Keeps a token's claims until the token expires, unless there is no more room.
    pub(crate) fn keep(&self, reference: Reference, claims: Claims, now: Timestamp) -> bool {
        lock(&self.references).keep(reference, claims, now)
    }

    /// The claims that were kept under that reference.
    pub(crate) fn kept(&self, reference: Reference) -> Option<Claims> {
        lock(&self.references).get(reference)
    }

    /// Forgets what is kept for the tokens of an app that is gone.
    pub(crate) fn forget_app(&self, app_id: &str) {
        lock(&self.references).forget_app(app_id);
    }

    /// Whether a token of that subject, issued then, is revoked now.
    pub(crate) fn is_revoked(&self, subject: &Subject<'_>, issued: Timestamp, now: Timestamp) -> bool {
        self.revocations.read().unwrap_or_else(PoisonError::into_inner).is_revoked(subject, issued, now)
    }

    /// The first moment at which a token of that subject can be issued without being revoked already.
    pub(crate) fn first_valid_issue(&self, subject: &Subject<'_>) -> Timestamp {
        self.revocations.read().unwrap_or_else(PoisonError::into_inner).first_valid_issue(subject)
    }
}

/// A panic elsewhere has left the data whole: nothing that is done under a lock can fail halfway.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
