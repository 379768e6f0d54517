//! What this service knows of what Redis holds: enough to write it back, should Redis lose it.

use std::collections::{HashMap, HashSet};

use ably_auth_core::{Timestamp, Ttl};

use super::reply::Versioned;
use crate::store::Record;

/// No fewer are looked through for those that are over.
const FEW: usize = 1_000;

pub(super) struct SyncState {
    pub(super) generation: String,
    /// The sequence number of the last change of this service's own, in that generation.
    pub(super) written: u64,
    /// The latest time that it was told, in that generation.
    pub(super) latest: Timestamp,
    /// What is gone is among them, for as long as another service may not have heard of it.
    records: HashMap<Box<str>, Versioned>,
    /// Once there are more, those that are over are dropped.
    many: usize,
}

impl SyncState {
    pub(super) fn new() -> Self {
        let latest = Timestamp::from_millis(0);
        Self { generation: String::new(), written: 0, latest, records: HashMap::new(), many: FEW }
    }

    pub(super) fn note(&mut self, mut new: Versioned) {
        if new.record.value.is_none() {
            new.record.expires = Some(self.latest.saturating_add(Ttl::MAX));
        }
        self.records.insert(new.record.name.clone(), new);
        if self.records.len() > self.many {
            let latest = self.latest;
            self.records.retain(|_, known| !is_over(&known.record, latest));
            self.many = self.records.len().saturating_mul(2).max(FEW);
        }
    }

    /// What is to be written back, apps before the keys that are theirs.
    pub(super) fn to_restore(&self) -> Vec<Versioned> {
        let living = self.records.values().filter(|known| !is_over(&known.record, self.latest));
        let mut records: Vec<_> = living.cloned().collect();
        records.sort_by(|one, other| one.record.name.cmp(&other.record.name));
        records
    }

    /// The names of what is known to be there, and is not among these.
    pub(super) fn missing_from(&self, records: &[Versioned]) -> Vec<Box<str>> {
        let told: HashSet<_> = records.iter().map(|told| &told.record.name).collect();
        let there = self.records.values().filter(|known| known.record.value.is_some());
        there.map(|known| &known.record.name).filter(|name| !told.contains(name)).cloned().collect()
    }
}

fn is_over(record: &Record, latest: Timestamp) -> bool {
    record.expires.is_some_and(|expires| expires <= latest)
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn record(name: String, value: Option<&[u8]>, expires: Option<u64>) -> Versioned {
        let value = value.map(|value| Zeroizing::new(value.to_vec()));
        let record = Record { name: name.into(), value, expires: expires.map(Timestamp::from_millis) };
        Versioned { record, version: 1 }
    }

    #[test]
    fn what_is_over_is_not_kept_for_ever() {
        let mut known = SyncState::new();
        for nth in 0..100_000 {
            known.latest = Timestamp::from_millis(nth);
            known.note(record(format!("revoked/{nth}"), Some(b"hush"), Some(nth + 100)));
        }
        assert!(known.records.len() <= FEW + 1, "{} are kept", known.records.len());
        assert_eq!(known.to_restore().len(), 100);
    }

    #[test]
    fn what_is_gone_is_told_for_a_day() {
        let mut known = SyncState::new();
        known.note(record("key/b".into(), Some(b"hush"), None));
        known.note(record("app/b".into(), Some(b"hush"), None));
        known.note(record("app/a".into(), None, None));
        let names =
            |known: &SyncState| known.to_restore().into_iter().map(|known| known.record.name).collect::<Vec<_>>();
        assert_eq!(names(&known), ["app/a".into(), "app/b".into(), Box::<str>::from("key/b")]);
        known.latest = known.latest.saturating_add(Ttl::MAX);
        assert_eq!(names(&known), ["app/b".into(), Box::<str>::from("key/b")]);
        assert_eq!(known.missing_from(&[record("app/b".into(), None, None)]), [Box::<str>::from("key/b")]);
    }
}
