//! Which tokens were revoked: not one by one, but by what they have in common and when they were issued.

use std::collections::{BTreeMap, HashMap};

use ably_auth_core::{
    Capability, ClientId, ErrorCode, KeyName, Timestamp, TokenRevocationTargetSpecifier as Target, Ttl,
    capability::Resource,
};

use crate::refusal::Refusal;
use crate::time::MAX_AHEAD_MILLIS;

/// The most targets that an app's tokens can be revoked by at once: each is kept for a day, by every service of the store.
const MAX_TARGETS: usize = 100_000;

/// Tokens issued before a moment are revoked, as from a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cutoff {
    pub(crate) issued_before: Timestamp,
    pub(crate) applies_at: Timestamp,
}

impl Cutoff {
    fn applies(self, now: Timestamp) -> bool {
        self.applies_at <= now
    }

    /// When no token issued before the cutoff can be alive any more. Revocable tokens live for an hour at most, but a token
    /// may be older than the day on which its key's tokens were made revocable.
    pub(crate) const fn expires(self) -> Timestamp {
        self.issued_before.saturating_add(Ttl::MAX)
    }

    fn can_match(self, now: Timestamp) -> bool {
        self.expires() > now
    }

    /// Whether the other revokes nothing that this one does not.
    fn includes(self, other: Self, now: Timestamp) -> bool {
        self.issued_before >= other.issued_before && (self.applies(now) || self.applies_at <= other.applies_at)
    }
}

/// What revocations look at in a token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) key: &'a KeyName,
    pub(crate) client_id: &'a ClientId,
    pub(crate) capability: &'a Capability,
    /// The capability that a JWT's issuer wrote, where it is another than the one granted.
    pub(crate) written: Option<&'a Capability>,
    pub(crate) revocation_key: Option<&'a str>,
}

impl Subject<'_> {
    fn targets(&self) -> impl Iterator<Item = Target> {
        let client_id = self.client_id.as_str().map(Target::client_id);
        let revocation_key = self.revocation_key.map(Target::revocation_key);
        let capabilities = [Some(self.capability), self.written].into_iter().flatten();
        let channels = capabilities.flat_map(Capability::iter).map(|(resource, _)| Resource::as_str(resource));
        client_id.into_iter().chain(revocation_key).chain(channels.map(Target::channel))
    }
}

/// Cutoffs by key and target.
#[derive(Debug, Default)]
pub(crate) struct Revocations {
    by_key: HashMap<KeyName, HashMap<Target, Vec<Cutoff>>>,
    /// The latest moment before which tokens were revoked, whichever.
    last_cutoff: Option<Timestamp>,
    /// Each target once, by when its cutoffs match no token any more.
    by_end: BTreeMap<Timestamp, Vec<(KeyName, Target)>>,
}

/// The most targets that are looked at for one that is set: more than come, and so few that nobody waits for it.
const MAX_PRUNED: usize = 8;

/// When none of them can match a token any more.
fn end_of(cutoffs: &[Cutoff]) -> Option<Timestamp> {
    cutoffs.iter().map(|cutoff| cutoff.expires()).max()
}

impl Revocations {
    /// The cutoffs of a target once that one is among them; none if it says nothing new.
    pub(crate) fn with(&self, key: &KeyName, target: &Target, cutoff: Cutoff, now: Timestamp) -> Option<Vec<Cutoff>> {
        let known = self.by_key.get(key).and_then(|targets| targets.get(target)).map(Vec::as_slice).unwrap_or_default();
        if known.iter().any(|known| known.includes(cutoff, now)) {
            return None;
        }
        let kept = known.iter().filter(|known| !cutoff.includes(**known, now) && known.can_match(now));
        Some(kept.copied().chain([cutoff]).collect())
    }

    /// From now on, these are the target's cutoffs.
    pub(crate) fn set(&mut self, key: &KeyName, target: Target, cutoffs: Vec<Cutoff>, now: Timestamp) {
        let latest =
            cutoffs.iter().map(|cutoff| cutoff.issued_before).filter(|moment| is_of_this_time(*moment, now)).max();
        self.last_cutoff = self.last_cutoff.max(latest);
        let ends = end_of(&cutoffs);
        let targets = self.by_key.entry(key.clone()).or_default();
        let before = if cutoffs.is_empty() { targets.remove(&target) } else { targets.insert(target.clone(), cutoffs) };
        let before = before.and_then(|before| end_of(&before));
        if before != ends {
            if let Some(there) = before.and_then(|before| self.by_end.get_mut(&before)) {
                there.retain(|(of, known)| (of, known) != (key, &target));
            }
            if let Some(ends) = ends {
                self.by_end.entry(ends).or_default().push((key.clone(), target));
            }
        }
        self.prune(now);
    }

    /// The time is that, though a later one was known: cutoffs of later count no more.
    pub(crate) fn set_time(&mut self, now: Timestamp) {
        let cutoffs = self.by_key.values().flat_map(HashMap::values).flatten().map(|cutoff| cutoff.issued_before);
        self.last_cutoff = cutoffs.filter(|moment| is_of_this_time(*moment, now)).max();
    }

    pub(crate) fn last_cutoff(&self) -> Timestamp {
        self.last_cutoff.unwrap_or(Timestamp::from_millis(0))
    }

    /// Refuses targets of an app's keys, in addition to those that it has, if they would be too many.
    pub(crate) fn check_room(&self, key: &KeyName, targets: &[&Target], now: Timestamp) -> Result<(), Refusal> {
        let known = self.by_key.get(key);
        let new = targets.iter().filter(|target| known.is_none_or(|known| !known.contains_key(**target))).count();
        let of_app =
            || self.by_key.iter().filter(|(name, _)| name.app_id() == key.app_id()).map(|(_, targets)| targets);
        let has_room = |count: usize| count.saturating_add(new) <= MAX_TARGETS;
        let is_alive = |cutoffs: &&Vec<Cutoff>| cutoffs.iter().any(|cutoff| cutoff.can_match(now));
        if has_room(of_app().map(HashMap::len).sum())
            || has_room(of_app().flat_map(HashMap::values).filter(is_alive).count())
        {
            return Ok(());
        }
        let message = format!(
            "the app has revoked {MAX_TARGETS} targets within a day; revoke by a `revocationKey` or a channel that they share, \
             or revoke the key"
        );
        Err(Refusal::new(ErrorCode::RATE_LIMITED, message))
    }

    /// Drops a few of those that match no token any more.
    fn prune(&mut self, now: Timestamp) {
        for _ in 0..MAX_PRUNED {
            let Some(mut first) = self.by_end.first_entry().filter(|first| *first.key() <= now) else {
                return;
            };
            let Some((key, target)) = first.get_mut().pop() else {
                first.remove();
                continue;
            };
            if let Some(targets) = self.by_key.get_mut(&key) {
                targets.remove(&target);
                if targets.is_empty() {
                    self.by_key.remove(&key);
                }
            }
        }
    }

    fn matching<'a>(&'a self, subject: &'a Subject<'_>) -> impl Iterator<Item = Cutoff> + 'a {
        let of_key = self.by_key.get(subject.key);
        of_key
            .into_iter()
            .flat_map(|targets| subject.targets().filter_map(|target| targets.get(&target)))
            .flatten()
            .copied()
    }

    pub(crate) fn is_revoked(&self, subject: &Subject<'_>, issued: Timestamp, now: Timestamp) -> bool {
        self.matching(subject).any(|cutoff| cutoff.applies(now) && issued < cutoff.issued_before)
    }

    pub(crate) fn first_valid_issue(&self, subject: &Subject<'_>, now: Timestamp) -> Timestamp {
        let cutoffs = self.matching(subject).map(|cutoff| cutoff.issued_before);
        cutoffs.filter(|moment| is_of_this_time(*moment, now)).max().unwrap_or(Timestamp::from_millis(0))
    }
}

/// Not of a clock that was wrong.
const fn is_of_this_time(moment: Timestamp, now: Timestamp) -> bool {
    moment.millis_since(now) <= MAX_AHEAD_MILLIS
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 60 * 60 * 1000;

    fn cutoff(issued_before: u64, applies_at: u64) -> Cutoff {
        Cutoff { issued_before: Timestamp::from_millis(issued_before), applies_at: Timestamp::from_millis(applies_at) }
    }

    fn revoked(revocations: &Revocations, issued: u64, now: u64) -> bool {
        let key = KeyName::parse("app.key").unwrap();
        let (client_id, capability) = (ClientId::parse("bob").unwrap(), Capability::all());
        let subject =
            Subject { key: &key, client_id: &client_id, capability: &capability, written: None, revocation_key: None };
        revocations.is_revoked(&subject, Timestamp::from_millis(issued), Timestamp::from_millis(now))
    }

    fn revoke(revocations: &mut Revocations, cutoff: Cutoff, now: u64) {
        let key = KeyName::parse("app.key").unwrap();
        let (bob, now) = (Target::client_id("bob"), Timestamp::from_millis(now));
        if let Some(cutoffs) = revocations.with(&key, &bob, cutoff, now) {
            revocations.set(&key, bob, cutoffs, now);
        }
    }

    #[test]
    fn a_later_revocation_with_a_margin_does_not_soften_an_earlier_one() {
        let mut revocations = Revocations::default();
        revoke(&mut revocations, cutoff(1_000, 1_000), 1_000);
        revoke(&mut revocations, cutoff(2_000, 32_000), 2_000);
        assert!(revoked(&revocations, 999, 2_000));
        assert!(!revoked(&revocations, 1_500, 2_000));
        assert!(revoked(&revocations, 1_500, 32_000));
        assert!(!revoked(&revocations, 2_000, 32_000));
    }

    #[test]
    fn revocations_are_forgotten_when_no_token_can_be_live() {
        let mut revocations = Revocations::default();
        revoke(&mut revocations, cutoff(1_000, 1_000), 1_000);
        revocations.prune(Timestamp::from_millis(999 + DAY));
        assert_eq!(revocations.by_key.len(), 1);
        revocations.prune(Timestamp::from_millis(1_000 + DAY));
        assert!(revocations.by_key.is_empty());
    }

    #[test]
    fn an_app_has_room_again_once_its_revocations_are_over() {
        let mut revocations = Revocations::default();
        let [key, another, elsewhere] =
            ["app.key", "app.another", "elsewhere.key"].map(|key| KeyName::parse(key).unwrap());
        let (before, now) = (Timestamp::from_millis(1_000), Timestamp::from_millis(1_000 + DAY));
        for nth in 0..MAX_TARGETS {
            let target = Target::client_id(&format!("user{nth}"));
            revocations.set(if nth % 2 == 0 { &key } else { &another }, target, vec![cutoff(1_000, 1_000)], before);
        }
        let [new, known] = ["new", "user0"].map(Target::client_id);
        let refusal = revocations.check_room(&another, &[&new], before).unwrap_err();
        assert_eq!(refusal.info().code(), ErrorCode::RATE_LIMITED);
        assert!(revocations.check_room(&key, &[&known], before).is_ok(), "it is there already");
        assert!(revocations.check_room(&elsewhere, &[&new], before).is_ok());
        assert!(revocations.check_room(&another, &[&new], now).is_ok(), "the others are over");
        revocations.set(&another, new, vec![cutoff(1_000 + DAY, 1_000 + DAY)], now);
        let kept: usize = revocations.by_key.values().map(HashMap::len).sum();
        assert_eq!(kept, MAX_TARGETS + 1 - MAX_PRUNED);
    }

    #[test]
    fn what_a_clock_far_ahead_revoked_shuts_nobody_out_for_as_long() {
        let (mut revocations, at) = (Revocations::default(), Timestamp::from_millis);
        let (key, week) = (KeyName::parse("app.key").unwrap(), 7 * DAY);
        revocations.set(&key, Target::client_id("bob"), vec![cutoff(week, week), cutoff(1_000, 1_000)], at(1_000));
        assert_eq!(revocations.last_cutoff(), at(1_000));
        revocations.set(&key, Target::client_id("alice"), vec![cutoff(week, week)], at(week));
        assert_eq!(revocations.last_cutoff(), at(week));
        revocations.set_time(at(1_000));
        assert_eq!(revocations.last_cutoff(), at(1_000), "that of a week later counts no more");
        revocations.set(&key, Target::client_id("bob"), vec![cutoff(week, week), cutoff(1_000, 1_000)], at(1_000));
        let (client_id, capability) = (ClientId::parse("bob").unwrap(), Capability::all());
        let subject =
            Subject { key: &key, client_id: &client_id, capability: &capability, written: None, revocation_key: None };
        assert_eq!(revocations.first_valid_issue(&subject, at(1_000)), at(1_000));
        assert_eq!(revocations.first_valid_issue(&subject, at(week)), at(week));
    }

    #[test]
    fn repeating_a_revocation_keeps_one() {
        let mut revocations = Revocations::default();
        for now in 1_000..2_000 {
            revoke(&mut revocations, cutoff(now, now), now);
        }
        assert_eq!(revocations.by_key.values().flat_map(|targets| targets.values()).flatten().count(), 1);
        assert_eq!(revocations.by_end.values().flatten().count(), 1);
    }

    #[test]
    fn what_is_over_goes_a_little_at_a_time() {
        let (mut revocations, key) = (Revocations::default(), KeyName::parse("app.key").unwrap());
        let set = |revocations: &mut Revocations, name: &str, now: u64| {
            let cutoffs = vec![cutoff(now, now)];
            revocations.set(&key, Target::client_id(name), cutoffs, Timestamp::from_millis(now));
            revocations.by_key.values().map(HashMap::len).sum::<usize>()
        };
        for nth in 0..100 {
            set(&mut revocations, &nth.to_string(), 1_000);
        }
        // One that is revoked anew stays.
        assert_eq!(set(&mut revocations, "7", 2_000), 100);
        let later = 1_000 + DAY;
        assert_eq!(set(&mut revocations, "later", later), 101 - MAX_PRUNED);
        for nth in 0..20 {
            set(&mut revocations, "later", later + nth);
        }
        assert_eq!(set(&mut revocations, "later", later + 20), 2);
    }
}
