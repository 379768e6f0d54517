//! The cutoffs of one target: tokens issued before a cutoff are revoked. Repeated revocations share cutoffs.
//!
//! A revocation with a margin adds a cutoff that applies 30 seconds later. Without merging, each repetition within
//! these 30 seconds would add one more cutoff. So a new cutoff is merged into one that applies at most
//! [`MERGED_MILLIS`] earlier. No token is then valid for longer than the response promised, and none ends more than
//! [`MERGED_MILLIS`] earlier.

use ably_auth_core::{Timestamp, Ttl};

use crate::state::service_clock::MAX_AHEAD_MILLIS;

/// The time, in milliseconds, that clients have to renew their tokens if a revocation asks for a margin (`RSA17f`).
pub(crate) const MARGIN_MILLIS: u64 = 30 * 1000;

/// The part of the margin, in milliseconds, that a repeated revocation can lose by sharing an earlier cutoff.
pub(crate) const MERGED_MILLIS: u64 = 2 * 1000;

/// Returns false for a moment of a clock that was too far ahead.
pub(crate) const fn is_plausible(moment: Timestamp, now: Timestamp) -> bool {
    moment.millis_since(now) <= MAX_AHEAD_MILLIS
}

/// A revocation of the tokens that were issued before one moment. It applies from another moment, `applies_at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cutoff {
    /// Tokens of this service that were issued before this moment are revoked.
    pub(crate) issued_before: Timestamp,
    /// JWTs whose `iat` is before this moment are revoked. Without a requested `issuedBefore`, it is later than
    /// `issued_before`, because the clock of a JWT's issuer may be ahead.
    pub(crate) jwts_before: Timestamp,
    pub(crate) applies_at: Timestamp,
}

/// A target's cutoffs after a revocation is added.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Added {
    /// The new cutoffs; `None` if they do not change.
    pub(crate) cutoffs: Option<Vec<Cutoff>>,
    /// The latest moment from which the added revocation applies.
    pub(crate) applies_at: Timestamp,
}

impl Cutoff {
    fn applies(self, now: Timestamp) -> bool {
        self.applies_at <= now || self.is_of_corrected_clock(now)
    }

    /// Returns the moment from which this cutoff revokes a token. That is `now` if the clock was ahead when the tokens were
    /// revoked, and has been corrected since. A cutoff that is too far ahead revokes only tokens of the same wrong time:
    /// new tokens could not be issued after it.
    pub(crate) fn applies_from(self, issued: Timestamp, is_jwt: bool, now: Timestamp) -> Timestamp {
        let is_of_wrong_time = !is_jwt && issued > now && self.applies_at.millis_since(now) > MARGIN_MILLIS;
        if is_of_wrong_time || self.is_of_corrected_clock(now) { now } else { self.applies_at }
    }

    fn is_of_corrected_clock(self, now: Timestamp) -> bool {
        self.applies_at.millis_since(now) > MARGIN_MILLIS && is_plausible(self.issued_before, now)
    }

    pub(crate) fn revokes(self, issued: Timestamp, is_jwt: bool) -> bool {
        issued < if is_jwt { self.jwts_before } else { self.issued_before }
    }

    /// Returns the moment at which every token issued before the cutoff has expired: [`Ttl::MAX`] after it. Revocable
    /// tokens live for at most an hour, but a token may have got a longer ttl before its key's tokens became revocable.
    pub(crate) fn expires(self) -> Timestamp {
        self.issued_before.max(self.jwts_before).saturating_add(Ttl::MAX)
    }

    pub(crate) fn can_match(self, now: Timestamp) -> bool {
        self.expires() > now
    }

    /// Returns whether this cutoff revokes all tokens that `other` revokes, and no later than `other` does.
    fn includes(self, other: Self) -> bool {
        self.issued_before >= other.issued_before
            && self.jwts_before >= other.jwts_before
            && self.applies_at <= other.applies_at
    }

    fn merged(self, other: Self) -> Self {
        Self {
            issued_before: self.issued_before.max(other.issued_before),
            jwts_before: self.jwts_before.max(other.jwts_before),
            applies_at: self.applies_at.min(other.applies_at),
        }
    }

    /// Returns whether `new` can apply at this cutoff's moment, at most [`MERGED_MILLIS`] earlier than its own.
    fn is_shared_by(self, new: Self) -> bool {
        self.applies_at <= new.applies_at && new.applies_at.millis_since(self.applies_at) <= MERGED_MILLIS
    }
}

/// Adds the cutoff `new` to those that a target already has.
///
/// At most one of the resulting cutoffs applies now; the others are pending. Pending cutoffs are more than
/// [`MERGED_MILLIS`] apart, so at most 15 of them fit into a margin.
pub(crate) fn add(known: &[Cutoff], new: Cutoff, now: Timestamp) -> Added {
    if let Some(covering) = known.iter().find(|known| known.includes(new)) {
        return Added { cutoffs: None, applies_at: covering.applies_at.max(now) };
    }
    let living = known.iter().copied().filter(|cutoff| cutoff.can_match(now));
    let (applied, mut pending): (Vec<_>, Vec<_>) = living.partition(|cutoff| cutoff.applies(now));
    // All of these apply already, so they can be merged into one.
    let mut applied = applied.into_iter().reduce(Cutoff::merged);
    let mut applies_at = new.applies_at;
    if new.applies(now) {
        applied = Some(applied.map_or(new, |applied| applied.merged(new)));
    } else if let Some(shared) = pending.iter_mut().rev().find(|pending| pending.is_shared_by(new)) {
        *shared = shared.merged(new);
        applies_at = shared.applies_at;
    } else {
        pending.push(new);
    }
    let mut cutoffs: Vec<Cutoff> = Vec::new();
    for cutoff in applied.into_iter().chain(pending) {
        if !cutoffs.iter().any(|other| other.includes(cutoff)) {
            cutoffs.retain(|other| !cutoff.includes(*other));
            cutoffs.push(cutoff);
        }
    }
    let cutoffs = (cutoffs != known).then_some(cutoffs);
    Added { cutoffs, applies_at: applies_at.max(now) }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "the test chooses the values")]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// The most cutoffs of a target: the one that applies, and the pending ones that fit into a margin.
    const MAX_CUTOFFS: usize = 1 + 15;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    /// Returns a cutoff requested at `now`, of all tokens or of those issued more than `ago` milliseconds before.
    fn revocation(now: u64, with_margin: bool, ago: Option<u64>) -> Cutoff {
        let (issued_before, jwts_before) = ago.map_or((now + 1, now + 2_001), |ago| (now - ago, now - ago));
        let applies_at = if with_margin { now + MARGIN_MILLIS } else { now };
        Cutoff { issued_before: at(issued_before), jwts_before: at(jwts_before), applies_at: at(applies_at) }
    }

    #[test]
    fn ten_thousand_repeats_keep_few_cutoffs() {
        let mut known = Vec::new();
        let mut bytes = 0;
        for nth in 0..10_000 {
            let now = 1_000_000 + nth * 7;
            let added = add(&known, revocation(now, true, None), at(now));
            known = added.cutoffs.unwrap();
            assert!(known.len() <= MAX_CUTOFFS, "{} after {nth}", known.len());
            bytes += known.len() * size_of::<Cutoff>();
            let margin = added.applies_at.as_millis() - now;
            assert!((MARGIN_MILLIS - MERGED_MILLIS..=MARGIN_MILLIS).contains(&margin), "{margin} after {nth}");
        }
        assert!(bytes <= 10_000 * MAX_CUTOFFS * size_of::<Cutoff>());
    }

    #[test]
    fn repeats_with_issued_before_keep_few_cutoffs() {
        let mut known = Vec::new();
        for nth in 0..10_000_u64 {
            let now = 10_000_000 + nth * 5;
            let ago = nth * 7_919 % 3_600_000;
            known = add(&known, revocation(now, nth % 3 > 0, Some(ago)), at(now)).cutoffs.unwrap_or(known);
            assert!(known.len() <= MAX_CUTOFFS, "{} after {nth}", known.len());
        }
    }

    #[test]
    fn revocation_by_clock_that_was_ahead_applies_at_once() {
        let now = 100_000_000;
        let applies = |cutoff: Cutoff, issued: u64| cutoff.applies_from(at(issued), false, at(now)) <= at(now);
        let by_five_minutes = revocation(now + 300_000, false, None);
        assert!(applies(by_five_minutes, now - 1_000));
        assert!(applies(by_five_minutes, now + 299_000));
        assert!(!applies(revocation(now, true, None), now - 1_000), "clients have a margin");
        assert!(!applies(revocation(now, true, None), now + 1), "also those whose token is newer");
        let by_a_day = revocation(now + 86_400_000, false, None);
        assert!(!applies(by_a_day, now - 1_000), "it would revoke all new tokens for a day");
        assert!(!applies(by_a_day, now), "a token may be issued at this moment");
        assert!(applies(by_a_day, now + 299_000), "the token comes from the same clock");
    }

    #[test]
    fn token_issued_at_cutoff_is_not_revoked() {
        let cutoff = Cutoff { issued_before: at(1_000), jwts_before: at(3_000), applies_at: at(1_000) };
        assert!(cutoff.revokes(at(999), false) && !cutoff.revokes(at(1_000), false));
        assert!(cutoff.revokes(at(2_999), true) && !cutoff.revokes(at(3_000), true));
    }

    #[test]
    fn cutoff_that_matches_no_token_is_dropped() {
        let old = revocation(1_000_000, false, Some(0));
        let end = 1_000_000 + 24 * 60 * 60 * 1000;
        let cutoffs_at = |now| {
            let new = revocation(now, true, None);
            (add(&[old], new, at(now)).cutoffs.unwrap(), new)
        };
        let (cutoffs, new) = cutoffs_at(end - 1);
        assert_eq!(cutoffs, [old, new], "a token of that day may live");
        let (cutoffs, new) = cutoffs_at(end);
        assert_eq!(cutoffs, [new]);
    }

    #[test]
    fn revocation_with_margin_leaves_applied_one_unchanged() {
        let (applied, pending) = (revocation(1_000_000, false, Some(500)), revocation(1_000_000, true, None));
        let added = add(&[applied], pending, at(1_000_000));
        assert_eq!(added, Added { cutoffs: Some(vec![applied, pending]), applies_at: at(1_030_000) });
    }

    #[test]
    fn repeat_that_adds_nothing_changes_nothing() {
        let first = add(&[], revocation(1_000_000, true, Some(10)), at(1_000_000)).cutoffs.unwrap();
        let again = add(&first, revocation(1_000_001, true, Some(11)), at(1_000_001));
        assert_eq!(again, Added { cutoffs: None, applies_at: at(1_030_000) });
    }

    #[test]
    fn revocation_without_margin_replaces_all() {
        let mut known = Vec::new();
        for now in (1_000_000..1_020_000).step_by(500) {
            known = add(&known, revocation(now, true, None), at(now)).cutoffs.unwrap();
        }
        let added = add(&known, revocation(1_020_000, false, None), at(1_020_000));
        assert_eq!(added.cutoffs, Some(vec![revocation(1_020_000, false, None)]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        /// Every token ends by the earliest moment that a response promised, and at most `MERGED_MILLIS` before it.
        #[test]
        fn promises_hold_and_tokens_expire_little_earlier(
            steps in vec((0_u64..4_000, any::<bool>(), prop::option::of(0_u64..100_000)), 1..60),
            tokens in vec((0_u64..200_000, any::<bool>()), 20),
            looks in vec(0_u64..250_000, 10),
        ) {
            let (mut known, mut now) = (Vec::new(), 1_000_000);
            let mut states = vec![(0, Vec::new())];
            let (mut promises, mut requested) = (Vec::new(), Vec::new());
            for (passed, with_margin, ago) in steps {
                now += passed;
                let new = revocation(now, with_margin, ago);
                let added = add(&known, new, at(now));
                prop_assert!(added.applies_at <= new.applies_at);
                promises.push((now, Cutoff { applies_at: added.applies_at, ..new }));
                requested.push((now, new));
                known = added.cutoffs.unwrap_or(known);
                states.push((now, known.clone()));
            }
            let revoked = |cutoffs: &[Cutoff], issued, is_jwt, look: u64| {
                cutoffs.iter().any(|cutoff| cutoff.applies(at(look)) && cutoff.revokes(at(issued), is_jwt))
            };
            for look in looks.into_iter().map(|look| 1_000_000 + look) {
                let cutoffs = &states.iter().rev().find(|(since, _)| *since <= look).unwrap().1;
                let until = |all: &[(u64, Cutoff)]| -> Vec<Cutoff> {
                    all.iter().filter(|(since, _)| *since <= look).map(|(_, cutoff)| *cutoff).collect()
                };
                for (issued, is_jwt) in tokens.iter().map(|(issued, is_jwt)| (900_000 + issued, *is_jwt)) {
                    let is_revoked = revoked(cutoffs, issued, is_jwt, look);
                    let is_promised = revoked(&until(&promises), issued, is_jwt, look);
                    prop_assert!(is_revoked || !is_promised, "{issued} lives at {look}");
                    let is_near = revoked(&until(&requested), issued, is_jwt, look + MERGED_MILLIS);
                    prop_assert!(!is_revoked || is_near, "{issued} ends early at {look}");
                }
            }
        }
    }
}
