//! Revocations of tokens, by attributes that they share and by when they were issued.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ably_auth_core::{
    Capability, ClientId, ErrorCode, KeyName, Timestamp, TokenRevocationTargetSpecifier as Target, capability::Resource,
};

use crate::refusal::Refusal;
use crate::state::cutoffs::{self, Added, Cutoff, is_plausible};
use crate::state::usage::Usage;

/// The maximum number of revoked targets of an app. Each is kept for a day, by every service that shares the store.
const MAX_TARGETS: usize = 100_000;

/// The divisor for an app's share of the memory for revocations.
const APP_SHARE: usize = 4;

/// The attributes of a token by which it can be revoked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) key: &'a KeyName,
    pub(crate) client_id: &'a ClientId,
    pub(crate) capability: &'a Capability,
    /// The capability that a JWT's issuer wrote, if it differs from the granted one.
    pub(crate) written: Option<&'a Capability>,
    pub(crate) revocation_key: Option<&'a str>,
    /// True for a JWT: its issue time comes from its issuer's clock, not from the service's.
    pub(crate) is_jwt: bool,
}

impl Subject<'_> {
    /// Returns the targets by which the token can be revoked.
    pub(crate) fn targets(&self) -> impl Iterator<Item = Target> {
        let client_id = self.client_id.as_str().map(Target::client_id);
        let revocation_key = self.revocation_key.map(Target::revocation_key);
        let capabilities = [Some(self.capability), self.written].into_iter().flatten();
        let channels = capabilities.flat_map(Capability::iter).map(|entry| Resource::as_str(entry.resource));
        client_id.into_iter().chain(revocation_key).chain(channels.map(Target::channel))
    }
}

/// The moment at which a target's cutoffs stop matching any token, and a number that makes it unique.
type End = (Timestamp, u64);

/// The cutoffs of a target.
#[derive(Debug)]
struct Entry {
    cutoffs: Box<[Cutoff]>,
    end: End,
}

/// Cutoffs by key and target.
#[derive(Debug, Default)]
pub(crate) struct Revocations {
    by_key: HashMap<Arc<KeyName>, HashMap<Arc<Target>, Entry>>,
    /// The latest cutoff of all targets.
    last_cutoff: Option<Timestamp>,
    /// Every target, in the order in which their cutoffs stop matching.
    by_end: BTreeMap<End, (Arc<KeyName>, Arc<Target>)>,
    /// The number of the [`End`] that was created last.
    last_number: u64,
    by_app: HashMap<Box<str>, Usage>,
    all: Usage,
}

/// The maximum number of expired targets that are dropped when one is set: more than are added, but few enough to delay
/// no request.
const MAX_PRUNED: usize = 8;

impl Revocations {
    /// Returns the cutoffs of `target` after `cutoff` is added.
    pub(crate) fn with(&self, key: &KeyName, target: &Target, cutoff: Cutoff, now: Timestamp) -> Added {
        cutoffs::add(self.of(key, target), cutoff, now)
    }

    fn of(&self, key: &KeyName, target: &Target) -> &[Cutoff] {
        let known = self.by_key.get(key).and_then(|targets| targets.get(target));
        known.map(|entry| &*entry.cutoffs).unwrap_or_default()
    }

    /// Replaces the cutoffs of a target.
    pub(crate) fn set(&mut self, key: &KeyName, target: Target, cutoffs: Vec<Cutoff>, now: Timestamp) {
        let latest =
            cutoffs.iter().map(|cutoff| cutoff.issued_before).filter(|moment| is_plausible(*moment, now)).max();
        self.last_cutoff = self.last_cutoff.max(latest);
        self.remove(key, &target);
        if let Some(ends) = cutoffs.iter().map(|cutoff| cutoff.expires()).max() {
            self.last_number = self.last_number.wrapping_add(1);
            self.insert(key, target, Entry { cutoffs: cutoffs.into(), end: (ends, self.last_number) });
        }
        self.prune(now);
    }

    fn insert(&mut self, key: &KeyName, target: Target, entry: Entry) {
        let (usage, target) = (Usage::of(&target, &entry.cutoffs), Arc::new(target));
        let known = self.by_key.get_key_value(key).map(|(known, _)| Arc::clone(known));
        let key = known.unwrap_or_else(|| Arc::new(key.clone()));
        if let Some(of_app) = self.by_app.get_mut(key.app_id()) {
            *of_app = of_app.plus(usage);
        } else {
            self.by_app.insert(key.app_id().into(), usage);
        }
        self.all = self.all.plus(usage);
        self.by_end.insert(entry.end, (Arc::clone(&key), Arc::clone(&target)));
        self.by_key.entry(key).or_default().insert(target, entry);
    }

    fn remove(&mut self, key: &KeyName, target: &Target) {
        let Some(targets) = self.by_key.get_mut(key) else {
            return;
        };
        let Some(entry) = targets.remove(target) else {
            return;
        };
        if targets.is_empty() {
            self.by_key.remove(key);
        }
        self.by_end.remove(&entry.end);
        let usage = Usage::of(target, &entry.cutoffs);
        self.all = self.all.minus(usage);
        if let Some(of_app) = self.by_app.get_mut(key.app_id()) {
            *of_app = of_app.minus(usage);
            if of_app.targets == 0 {
                self.by_app.remove(key.app_id());
            }
        }
    }

    /// Sets the time back to `now`. Cutoffs after it no longer count as the latest.
    pub(crate) fn set_time(&mut self, now: Timestamp) {
        let entries = self.by_key.values().flat_map(HashMap::values);
        let cutoffs = entries.flat_map(|entry| &entry.cutoffs).map(|cutoff| cutoff.issued_before);
        self.last_cutoff = cutoffs.filter(|moment| is_plausible(*moment, now)).max();
    }

    pub(crate) fn last_cutoff(&self) -> Timestamp {
        self.last_cutoff.unwrap_or(Timestamp::from_millis(0))
    }

    /// Refuses changes to the targets of a key if its app would exceed its share or its number of targets, or if all
    /// revocations would exceed `max_bytes`. Changes that need no more memory than before are always permitted.
    pub(crate) fn check_room(
        &self,
        key: &KeyName,
        added: &[(&Target, Added)],
        max_bytes: usize,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let changed = added.iter().filter_map(|(target, added)| Some((*target, added.cutoffs.as_deref()?)));
        let new = changed.fold(Usage::default(), |new, (target, cutoffs)| {
            let known = self.of(key, target);
            let before = if known.is_empty() { Usage::default() } else { Usage::of(target, known) };
            new.plus(Usage::of(target, cutoffs).minus(before))
        });
        if new == Usage::default() {
            return Ok(());
        }
        let of_app = self.by_app.get(key.app_id()).copied().unwrap_or_default();
        let share = max_bytes.checked_div(APP_SHARE).unwrap_or_default();
        let check = |of_app: Usage, all: Usage| {
            let of_app = of_app.plus(new);
            if of_app.targets > MAX_TARGETS {
                Err(format!("the app has revoked {MAX_TARGETS} targets within a day"))
            } else if of_app.bytes > share {
                Err(format!("the app's revocations have reached their limit of {share} bytes"))
            } else if all.plus(new).bytes > max_bytes {
                Err(format!("all revocations together have reached their limit of {max_bytes} bytes"))
            } else {
                Ok(())
            }
        };
        if check(of_app, self.all).is_ok() {
            return Ok(());
        }
        let (expired_of_app, expired) = self.expired(key.app_id(), now);
        check(of_app.minus(expired_of_app), self.all.minus(expired)).map_err(|problem| {
            let message =
                format!("{problem}; revoke by a `revocationKey` or a channel that tokens share, or revoke the key");
            Refusal::new(ErrorCode::RATE_LIMITED, message)
        })
    }

    /// Returns the memory of targets that match no token any more but are not dropped yet: of the app, and of all apps.
    fn expired(&self, app_id: &str, now: Timestamp) -> (Usage, Usage) {
        let expired = self.by_end.range(..=(now, u64::MAX)).map(|(_, (key, target))| {
            let usage = Usage::of(target, self.of(key, target));
            (if key.app_id() == app_id { usage } else { Usage::default() }, usage)
        });
        expired.fold(Default::default(), |(of_app, all): (Usage, Usage), expired| {
            (of_app.plus(expired.0), all.plus(expired.1))
        })
    }

    /// Drops a few targets that match no token any more.
    fn prune(&mut self, now: Timestamp) {
        for _ in 0..MAX_PRUNED {
            let Some(first) = self.by_end.first_entry().filter(|first| first.key().0 <= now) else {
                return;
            };
            let (key, target) = first.remove();
            self.remove(&key, &target);
        }
    }

    fn matching<'a>(&'a self, subject: &'a Subject<'_>) -> impl Iterator<Item = Cutoff> + 'a {
        let of_key = self.by_key.get(subject.key);
        of_key
            .into_iter()
            .flat_map(|targets| subject.targets().filter_map(|target| targets.get(&target)))
            .flat_map(|entry| &entry.cutoffs)
            .copied()
    }

    /// Returns the moment from which a token of that subject and issue time is revoked, if there is one.
    pub(crate) fn revoked_from(&self, subject: &Subject<'_>, issued: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let revoking = self.matching(subject).filter(|cutoff| cutoff.revokes(issued, subject.is_jwt));
        revoking.map(|cutoff| cutoff.applies_from(issued, subject.is_jwt, now)).min()
    }

    pub(crate) fn first_valid_issue(&self, subject: &Subject<'_>, now: Timestamp) -> Timestamp {
        let cutoffs = self.matching(subject).map(|cutoff| cutoff.issued_before);
        cutoffs.filter(|moment| is_plausible(*moment, now)).max().unwrap_or(Timestamp::from_millis(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 60 * 60 * 1000;

    fn cutoff(issued_before: u64, applies_at: u64) -> Cutoff {
        let issued_before = Timestamp::from_millis(issued_before);
        Cutoff { issued_before, jwts_before: issued_before, applies_at: Timestamp::from_millis(applies_at) }
    }

    fn subject<'a>(key: &'a KeyName, client_id: &'a ClientId, capability: &'a Capability) -> Subject<'a> {
        Subject { key, client_id, capability, written: None, revocation_key: None, is_jwt: false }
    }

    fn revoked(revocations: &Revocations, issued: u64, now: u64) -> bool {
        let key = KeyName::parse("app.key").unwrap();
        let (client_id, capability) = (ClientId::parse("bob").unwrap(), Capability::all());
        let (issued, now) = (Timestamp::from_millis(issued), Timestamp::from_millis(now));
        let from = revocations.revoked_from(&subject(&key, &client_id, &capability), issued, now);
        from.is_some_and(|from| from <= now)
    }

    fn revoke(revocations: &mut Revocations, cutoff: Cutoff, now: u64) {
        let key = KeyName::parse("app.key").unwrap();
        let (bob, now) = (Target::client_id("bob"), Timestamp::from_millis(now));
        if let Some(cutoffs) = revocations.with(&key, &bob, cutoff, now).cutoffs {
            revocations.set(&key, bob, cutoffs, now);
        }
    }

    #[test]
    fn later_margin_does_not_delay_earlier_revocation() {
        let mut revocations = Revocations::default();
        revoke(&mut revocations, cutoff(1_000, 1_000), 1_000);
        revoke(&mut revocations, cutoff(2_000, 32_000), 2_000);
        assert!(revoked(&revocations, 999, 2_000));
        assert!(!revoked(&revocations, 1_500, 2_000));
        assert!(revoked(&revocations, 1_500, 32_000));
        assert!(!revoked(&revocations, 2_000, 32_000));
    }

    #[test]
    fn revocations_are_dropped_when_all_tokens_expired() {
        let mut revocations = Revocations::default();
        revoke(&mut revocations, cutoff(1_000, 1_000), 1_000);
        revocations.prune(Timestamp::from_millis(999 + DAY));
        assert_eq!(revocations.by_key.len(), 1);
        revocations.prune(Timestamp::from_millis(1_000 + DAY));
        assert!(revocations.by_key.is_empty());
    }

    #[test]
    fn expired_revocations_make_room_for_new_ones() {
        let mut revocations = Revocations::default();
        let [key, another, elsewhere] =
            ["app.key", "app.another", "elsewhere.key"].map(|key| KeyName::parse(key).unwrap());
        let (before, now) = (Timestamp::from_millis(1_000), Timestamp::from_millis(1_000 + DAY));
        for nth in 0..MAX_TARGETS {
            let target = Target::client_id(&format!("user{nth}"));
            revocations.set(if nth % 2 == 0 { &key } else { &another }, target, vec![cutoff(1_000, 1_000)], before);
        }
        let [new, known] = ["new", "user0"].map(Target::client_id);
        let check = |revocations: &Revocations, key: &KeyName, target: &Target, now: Timestamp| {
            let added = revocations.with(key, target, cutoff(now.as_millis(), now.as_millis()), now);
            revocations.check_room(key, &[(target, added)], usize::MAX, now).map_err(|refusal| refusal.info().code())
        };
        assert_eq!(check(&revocations, &another, &new, before), Err(ErrorCode::RATE_LIMITED));
        assert!(check(&revocations, &key, &known, before).is_ok(), "the target exists already");
        assert!(check(&revocations, &elsewhere, &new, before).is_ok());
        assert!(check(&revocations, &another, &new, now).is_ok(), "the others have expired");
        revocations.set(&another, new, vec![cutoff(1_000 + DAY, 1_000 + DAY)], now);
        let kept: usize = revocations.by_key.values().map(HashMap::len).sum();
        assert_eq!(kept, MAX_TARGETS + 1 - MAX_PRUNED);
    }

    #[test]
    fn cutoffs_of_wrong_clock_do_not_block_new_tokens() {
        let (mut revocations, at) = (Revocations::default(), Timestamp::from_millis);
        let (key, week) = (KeyName::parse("app.key").unwrap(), 7 * DAY);
        revocations.set(&key, Target::client_id("bob"), vec![cutoff(week, week), cutoff(1_000, 1_000)], at(1_000));
        assert_eq!(revocations.last_cutoff(), at(1_000));
        revocations.set(&key, Target::client_id("alice"), vec![cutoff(week, week)], at(week));
        assert_eq!(revocations.last_cutoff(), at(week));
        revocations.set_time(at(1_000));
        assert_eq!(revocations.last_cutoff(), at(1_000), "the cutoff of a week later is ignored");
        revocations.set(&key, Target::client_id("bob"), vec![cutoff(week, week), cutoff(1_000, 1_000)], at(1_000));
        let (client_id, capability) = (ClientId::parse("bob").unwrap(), Capability::all());
        let subject = subject(&key, &client_id, &capability);
        assert_eq!(revocations.first_valid_issue(&subject, at(1_000)), at(1_000));
        assert_eq!(revocations.first_valid_issue(&subject, at(week)), at(week));
    }

    #[test]
    fn repeated_revocation_is_kept_once() {
        let mut revocations = Revocations::default();
        for now in 1_000..2_000 {
            revoke(&mut revocations, cutoff(now, now), now);
        }
        let entries = revocations.by_key.values().flat_map(|targets| targets.values());
        assert_eq!(entries.flat_map(|entry| &entry.cutoffs).count(), 1);
        assert_eq!(revocations.by_end.len(), 1);
        assert_eq!(revocations.all, Usage::of(&Target::client_id("bob"), &[cutoff(0, 0)]));
    }

    #[test]
    fn expired_targets_are_dropped_a_few_at_a_time() {
        let (mut revocations, key) = (Revocations::default(), KeyName::parse("app.key").unwrap());
        let set = |revocations: &mut Revocations, name: &str, now: u64| {
            let cutoffs = vec![cutoff(now, now)];
            revocations.set(&key, Target::client_id(name), cutoffs, Timestamp::from_millis(now));
            revocations.by_key.values().map(HashMap::len).sum::<usize>()
        };
        for nth in 0..100 {
            set(&mut revocations, &nth.to_string(), 1_000);
        }
        // A target that is revoked again stays.
        assert_eq!(set(&mut revocations, "7", 2_000), 100);
        let later = 1_000 + DAY;
        assert_eq!(set(&mut revocations, "later", later), 101 - MAX_PRUNED);
        for nth in 0..20 {
            set(&mut revocations, "later", later + nth);
        }
        assert_eq!(set(&mut revocations, "later", later + 20), 2);
    }

    #[test]
    fn revocation_bytes_are_bounded_per_app_and_in_total() {
        let (mut revocations, now) = (Revocations::default(), Timestamp::from_millis(1_000));
        let target = |nth: usize| Target::client_id(&format!("{nth:0>1000}"));
        let one = Usage::of(&target(0), &[cutoff(1_000, 1_000)]).bytes;
        // An app's share has room for two targets, and all revocations for eight.
        let max_bytes = 8 * one;
        let mut revoke = |app: &str, nth: usize, at: u64| {
            let (key, target, now) = (KeyName::parse(app).unwrap(), target(nth), Timestamp::from_millis(at));
            let mut added = revocations.with(&key, &target, cutoff(at, at), now);
            let cutoffs = added.cutoffs.take();
            let again = Added { cutoffs: cutoffs.clone(), ..added };
            revocations
                .check_room(&key, &[(&target, again)], max_bytes, now)
                .map_err(|refusal| refusal.info().code())?;
            revocations.set(&key, target, cutoffs.unwrap_or_default(), now);
            Ok(())
        };
        assert_eq!(revoke("a.key", 0, 1_000), Ok(()));
        assert_eq!(revoke("a.other", 1, 1_000), Ok(()));
        assert_eq!(revoke("a.key", 2, 1_000), Err(ErrorCode::RATE_LIMITED), "the app's share is used up");
        assert_eq!(revoke("a.key", 0, 2_000), Ok(()), "a known target needs no more room");
        for app in ["b.key", "c.key", "d.key"] {
            assert_eq!((revoke(app, 0, 1_000), revoke(app, 1, 1_000)), (Ok(()), Ok(())), "{app}");
        }
        assert_eq!(revoke("e.key", 0, 1_000), Err(ErrorCode::RATE_LIMITED), "the limit of all revocations is used up");
        assert_eq!(revoke("e.key", 0, 1_000 + DAY), Ok(()), "there is room after the tokens have expired");
        assert!(revocations.all.bytes <= max_bytes);
        revocations.prune(now.saturating_add(ably_auth_core::Ttl::MAX).saturating_add(ably_auth_core::Ttl::MAX));
        assert_eq!((revocations.all, revocations.by_app.len()), (Usage::default(), 0));
    }
}
