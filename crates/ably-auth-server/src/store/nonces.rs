//! Used nonces, each kept while a request with it could be exchanged.

use std::collections::BTreeSet;

use ably_auth_core::{KeyName, Timestamp};
use sha2::{Digest as _, Sha256};

use super::outcome::Use;
use super::spans::{Spans, WINDOW_MILLIS};

/// The maximum number of expired nonces that are dropped when one is used: more than are added, but few enough to delay
/// no request.
const MAX_DROPPED: usize = 32;

const HASH_BYTES: usize = 16;

/// The identity of a nonce: the timestamp that was signed with it, and half a SHA-256 of the key's name and the nonce.
/// Its size does not depend on the nonce's length.
///
/// ```
/// use ably_auth_core::{KeyName, Timestamp};
/// use ably_auth_server::store::Fingerprint;
///
/// let (key, signed) = (KeyName::parse("shop.backend")?, Timestamp::from_millis(1_449_746_287_318));
/// let nonce = Fingerprint::new(&key, "a-nonce-of-a-client", signed);
/// assert_eq!(nonce.timestamp(), signed);
/// assert_ne!(nonce, Fingerprint::new(&key, "a-nonce-of-another", signed));
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint {
    timestamp: Timestamp,
    hash: [u8; HASH_BYTES],
}

impl Fingerprint {
    /// Creates the fingerprint of a key's nonce that was signed with `timestamp`.
    #[must_use]
    pub fn new(key: &KeyName, nonce: &str, timestamp: Timestamp) -> Self {
        let whole = Sha256::new().chain_update(key.as_str()).chain_update(b"\n").chain_update(nonce).finalize();
        let mut hash = [0; HASH_BYTES];
        hash.iter_mut().zip(whole).for_each(|(to, from)| *to = from);
        Self { timestamp, hash }
    }

    /// Returns the timestamp that was signed with the nonce.
    #[must_use]
    pub const fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// Encodes the fingerprint. The encodings sort by timestamp.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 8 + HASH_BYTES] {
        let mut bytes = [0; 8 + HASH_BYTES];
        let from = self.timestamp.as_millis().to_be_bytes().into_iter().chain(self.hash);
        bytes.iter_mut().zip(from).for_each(|(to, from)| *to = from);
        bytes
    }

    #[cfg(feature = "redb")]
    pub(super) fn from_bytes(bytes: [u8; 8 + HASH_BYTES]) -> Self {
        let (mut millis, mut hash) = ([0; 8], [0; HASH_BYTES]);
        millis.iter_mut().chain(&mut hash).zip(bytes).for_each(|(to, from)| *to = from);
        Self { timestamp: Timestamp::from_millis(u64::from_be_bytes(millis)), hash }
    }
}

/// Returns the latest timestamp that a request at the time `now` may have.
pub(super) const fn window_end(now: Timestamp) -> Timestamp {
    Timestamp::from_millis(now.as_millis().saturating_add(WINDOW_MILLIS))
}

/// Returns whether a request with that timestamp is too old to be exchanged.
pub(super) const fn is_expired(timestamp: Timestamp, now: Timestamp) -> bool {
    now.millis_since(timestamp) > WINDOW_MILLIS
}

/// Used nonces by their timestamps, so that the oldest come first.
#[derive(Debug)]
pub(super) struct Nonces {
    /// The maximum number of nonces.
    max: usize,
    used: BTreeSet<Fingerprint>,
    /// The timestamps of dropped nonces. If the clock steps back to one of them, the nonces that were used then are
    /// unknown. So no nonce with such a timestamp is accepted.
    forgotten: Spans,
}

impl Nonces {
    pub(super) fn new(max: usize) -> Self {
        Self { max, used: BTreeSet::new(), forgotten: Spans::default() }
    }

    #[cfg(feature = "redb")]
    pub(super) const fn restored(max: usize, used: BTreeSet<Fingerprint>, forgotten: Spans) -> Self {
        Self { max, used, forgotten }
    }

    pub(super) fn use_once(&mut self, nonce: Fingerprint, now: Timestamp) -> Use {
        for _ in 0..MAX_DROPPED {
            let Some(oldest) = self.used.first().filter(|oldest| is_expired(oldest.timestamp, now)) else {
                break;
            };
            self.forgotten.add(oldest.timestamp);
            self.used.pop_first();
        }
        if let Some(until) = self.forgotten.end_of(nonce.timestamp) {
            return Use::Forgotten { until };
        }
        if self.used.len() >= self.max {
            return Use::Full;
        }
        if self.used.insert(nonce) { Use::First } else { Use::Again }
    }

    /// Sets the time back to `now`. Removes nonces with later timestamps, since no valid request has them. Earlier
    /// nonces may have been dropped because of the wrong clock, so they count as unknown.
    pub(super) fn set_time(&mut self, now: Timestamp) {
        let end = window_end(now);
        self.used.retain(|nonce| nonce.timestamp <= end);
        self.forgotten.lower(end);
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "the test chooses the values")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn nonce(key: &str, nonce: &str, timestamp: u64) -> Fingerprint {
        Fingerprint::new(&KeyName::parse(key).unwrap(), nonce, at(timestamp))
    }

    #[test]
    fn nonce_above_limit_is_refused_until_others_expire() {
        let mut nonces = Nonces::new(2);
        let mut use_at = |text: &str, now: u64| nonces.use_once(nonce("app.key", text, now), at(now));
        assert_eq!(["one", "two", "three"].map(|text| use_at(text, 1)), [Use::First, Use::First, Use::Full]);
        assert_eq!(use_at("three", 2 + WINDOW_MILLIS), Use::First);
    }

    #[test]
    fn nonce_is_kept_until_its_request_expires() {
        let mut nonces = Nonces::new(10_000);
        let future = 1_000_000 + WINDOW_MILLIS;
        assert_eq!(nonces.use_once(nonce("app.key", "one", future), at(1_000_000)), Use::First);
        assert_eq!(nonces.use_once(nonce("app.key", "one", future), at(future + WINDOW_MILLIS)), Use::Again);
        assert_eq!(nonces.used.len(), 1);
        let later = future + WINDOW_MILLIS + 1;
        assert_eq!(nonces.use_once(nonce("app.key", "two", later), at(later)), Use::First);
        assert_eq!(nonces.used.len(), 1, "the first is dropped");
    }

    #[test]
    fn expired_nonces_are_dropped_a_few_at_a_time() {
        let mut nonces = Nonces::new(10_000);
        for nth in 0..1_000 {
            assert_eq!(nonces.use_once(nonce("app.key", "one", nth), at(0)), Use::First);
        }
        let later = 1_000 + WINDOW_MILLIS;
        for nth in 1..=1_000 / MAX_DROPPED {
            assert_eq!(nonces.use_once(nonce("app.key", &nth.to_string(), later), at(later)), Use::First);
            assert_eq!(nonces.used.len(), 1_000 - nth * MAX_DROPPED + nth);
        }
        assert_eq!(nonces.use_once(nonce("app.key", "one", 0), at(later)), Use::Forgotten { until: at(999) });
    }

    #[test]
    fn clock_that_steps_back_replays_no_nonce() {
        let mut nonces = Nonces::new(10_000);
        assert_eq!(nonces.use_once(nonce("app.key", "one", 1_000_000), at(1_000_000)), Use::First);
        // Another client's request arrives while the clock is a week ahead.
        let wrong = 1_000_000 + 7 * 24 * 60 * 60 * 1000;
        assert_eq!(nonces.use_once(nonce("app.key", "two", wrong), at(wrong)), Use::First);
        assert_eq!(
            nonces.use_once(nonce("app.key", "one", 1_000_000), at(1_000_010)),
            Use::Forgotten { until: at(1_000_000) }
        );
        assert_eq!(nonces.use_once(nonce("app.key", "three", 1_000_001), at(1_000_010)), Use::First);
        assert_eq!(nonces.use_once(nonce("app.key", "three", 1_000_001), at(1_000_010)), Use::Again);
    }

    #[test]
    fn corrected_clock_drops_nonces_of_the_wrong_time() {
        let (mut nonces, wrong) = (Nonces::new(10_000), 7 * 24 * 60 * 60 * 1000);
        assert_eq!(nonces.use_once(nonce("app.key", "one", 1_000_000), at(1_000_000)), Use::First);
        assert_eq!(nonces.use_once(nonce("app.key", "two", wrong), at(wrong)), Use::First);
        let further = wrong + WINDOW_MILLIS + 1;
        assert_eq!(nonces.use_once(nonce("app.key", "three", further), at(further)), Use::First);
        nonces.set_time(at(1_000_000));
        assert_eq!(
            nonces.use_once(nonce("app.key", "one", 1_000_000), at(1_000_000)),
            Use::Forgotten { until: at(1_000_000 + WINDOW_MILLIS) }
        );
        let later = 1_000_000 + WINDOW_MILLIS;
        assert_eq!(
            nonces.use_once(nonce("app.key", "four", later), at(later)),
            Use::Forgotten { until: at(later) },
            "it may have been used"
        );
        assert_eq!(nonces.use_once(nonce("app.key", "four", later + 1), at(later + 1)), Use::First);
        assert_eq!(nonces.used.len(), 1);
    }

    /// A clock that is two hours ahead for five minutes drops nonces with timestamps of that time. Requests with
    /// timestamps of the two hours before must still be accepted.
    #[test]
    fn clock_ahead_closes_only_times_it_has_shown() {
        const HOUR: u64 = 60 * 60 * 1000;
        let mut nonces = Nonces::new(10_000);
        let mut nth = 0;
        let mut use_new = |at_millis| {
            nth += 1;
            nonces.use_once(nonce("app.key", &nth.to_string(), at_millis), at(at_millis))
        };
        let (ahead, minutes) = (3 * HOUR, |from: u64, count: u64| (0..count).map(move |nth| from + nth * 60_000));
        assert!(minutes(HOUR, 10).chain(minutes(ahead, 5)).all(|now| use_new(now) == Use::First));
        let refused: Vec<_> = minutes(HOUR + 15 * 60_000, 240).filter(|now| use_new(*now) != Use::First).collect();
        assert!(refused.iter().all(|now| (ahead - 60_000..ahead + 5 * 60_000).contains(now)), "{refused:?}");
        assert!(refused.len() <= 5, "{refused:?}");
    }

    #[test]
    fn keys_and_timestamps_do_not_share_nonces() {
        let mut nonces = Nonces::new(10_000);
        assert_eq!(nonces.use_once(nonce("app.key1", "same", 1), at(1)), Use::First);
        assert_eq!(nonces.use_once(nonce("app.key2", "same", 1), at(1)), Use::First);
        assert_eq!(nonces.use_once(nonce("app.key1", "same", 2), at(1)), Use::First);
        assert_eq!(nonces.use_once(nonce("app.key1", "same", 1), at(1)), Use::Again);
    }

    /// Generates changes of the clock: a step in ms, the minutes for which it then runs, and the skew of timestamps in
    /// ms.
    fn clocks() -> impl Strategy<Value = Vec<(i64, u64, i64)>> {
        const DAY: i64 = 24 * 60 * 60 * 1000;
        let window = i64::try_from(WINDOW_MILLIS).unwrap();
        let step = prop_oneof![-DAY..DAY, -20 * 60_000..20 * 60_000_i64, Just(0)];
        prop::collection::vec((step, 0_u64..6, -window..=window), 1..20)
    }

    proptest! {
        /// The clock steps forward and back by up to a day. No request is accepted twice. A new request is accepted
        /// unless the clock was near its timestamp before.
        #[test]
        fn stepping_clock_replays_nothing(clocks in clocks()) {
            const DAY: u64 = 24 * 60 * 60 * 1000;
            let (mut nonces, mut now, mut latest) = (Nonces::new(10_000), 1_000 * DAY, 0);
            let (mut accepted, mut shown): (Vec<Fingerprint>, Vec<u64>) = Default::default();
            for (nth, (step, minutes, skew)) in clocks.into_iter().enumerate() {
                // The service refuses all requests while its clock is more than a day behind, so do not test that.
                now = now.saturating_add_signed(step).max(latest - latest.min(DAY));
                for minute in 0..=minutes {
                    for replayed in &accepted {
                        let is_current = replayed.timestamp.as_millis().abs_diff(now) <= WINDOW_MILLIS;
                        prop_assert!(!is_current || nonces.use_once(*replayed, at(now)) != Use::First);
                    }
                    let timestamp = now.saturating_add_signed(skew);
                    let new = nonce("app.key", &format!("{nth}/{minute}"), timestamp);
                    let was_shown = shown.iter().any(|shown| timestamp.abs_diff(*shown) <= 3 * WINDOW_MILLIS);
                    match nonces.use_once(new, at(now)) {
                        Use::First => accepted.push(new),
                        refused => prop_assert!(was_shown, "{refused:?} at {now}"),
                    }
                    latest = latest.max(now);
                    now += 60_000;
                }
                shown.extend((0..=minutes).map(|minute| now - (minute + 1) * 60_000));
            }
        }
    }

    #[test]
    fn bytes_sort_by_timestamp() {
        let [early, late] = [nonce("app.key", "same", 255), nonce("app.key", "same", 256)].map(Fingerprint::to_bytes);
        assert!(early < late);
    }
}
