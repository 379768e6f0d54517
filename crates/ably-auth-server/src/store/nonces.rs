//! Nonces that were used, each kept for as long as a request that carries it could be exchanged.

use std::collections::BTreeSet;

use ably_auth_core::{KeyName, Timestamp};
use sha2::{Digest as _, Sha256};

/// How far a token request's timestamp may be from the service's clock, either side.
pub(crate) const WINDOW_MILLIS: u64 = 2 * 60 * 1000;

/// Half a SHA-256 of key and nonce: of one size, however long a nonce somebody thinks of.
pub(super) type Fingerprint = [u8; 16];

/// Used nonces by the timestamp that was signed with them, so that the oldest come first.
#[derive(Debug, Default)]
pub(super) struct Nonces(BTreeSet<(Timestamp, Fingerprint)>);

impl Nonces {
    pub(super) fn fingerprint(key: &KeyName, nonce: &str) -> Fingerprint {
        let hash = Sha256::new().chain_update(key.as_str()).chain_update(b"\n").chain_update(nonce).finalize();
        let mut fingerprint = Fingerprint::default();
        fingerprint.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        fingerprint
    }

    pub(super) fn use_once(&mut self, timestamp: Timestamp, fingerprint: Fingerprint, now: Timestamp) -> bool {
        while self.0.first().is_some_and(|(oldest, _)| now.millis_since(*oldest) > WINDOW_MILLIS) {
            self.0.pop_first();
        }
        self.0.insert((timestamp, fingerprint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_nonce_is_kept_exactly_as_long_as_it_could_be_used() {
        let mut nonces = Nonces::default();
        let key = KeyName::parse("app.key").unwrap();
        let (one, two) = (Nonces::fingerprint(&key, "one"), Nonces::fingerprint(&key, "two"));
        let future = 1_000_000 + WINDOW_MILLIS;
        assert!(nonces.use_once(at(future), one, at(1_000_000)));
        assert!(!nonces.use_once(at(future), one, at(future + WINDOW_MILLIS)));
        assert_eq!(nonces.0.len(), 1);
        let later = at(future + WINDOW_MILLIS + 1);
        assert!(nonces.use_once(later, two, later));
        assert_eq!(nonces.0.len(), 1, "the first is forgotten");
    }

    #[test]
    fn keys_and_timestamps_do_not_share_nonces() {
        let mut nonces = Nonces::default();
        let fingerprint = |key| Nonces::fingerprint(&KeyName::parse(key).unwrap(), "same");
        assert!(nonces.use_once(at(1), fingerprint("app.key1"), at(1)));
        assert!(nonces.use_once(at(1), fingerprint("app.key2"), at(1)));
        assert!(nonces.use_once(at(2), fingerprint("app.key1"), at(1)));
        assert!(!nonces.use_once(at(1), fingerprint("app.key1"), at(1)));
    }
}
