//! The records that this service has seen in Redis, to write them back if Redis loses them.

use std::collections::{HashMap, HashSet};

use ably_auth_core::{Timestamp, Ttl};

use super::reply::Versioned;
use crate::store::Record;

/// Expired records are not searched for if there are fewer records than this.
const MIN_PRUNE_THRESHOLD: usize = 1_000;

pub(super) struct SyncState {
    pub(super) generation: String,
    /// The sequence number of this service's last change in that generation.
    pub(super) written: u64,
    /// The latest time that Redis returned in that generation.
    pub(super) latest: Timestamp,
    /// The records. They include deletions until all other services must have seen them.
    records: HashMap<Box<str>, Versioned>,
    /// If there are more records than this, expired ones are dropped.
    prune_threshold: usize,
}

impl SyncState {
    pub(super) fn new() -> Self {
        let latest = Timestamp::from_millis(0);
        Self {
            generation: String::new(),
            written: 0,
            latest,
            records: HashMap::new(),
            prune_threshold: MIN_PRUNE_THRESHOLD,
        }
    }

    pub(super) fn note(&mut self, mut new: Versioned) {
        if new.record.value.is_none() {
            new.record.expires = Some(self.latest.saturating_add(Ttl::MAX));
        }
        self.records.insert(new.record.name.clone(), new);
        if self.records.len() > self.prune_threshold {
            let latest = self.latest;
            self.records.retain(|_, known| !is_expired(&known.record, latest));
            self.prune_threshold = self.records.len().saturating_mul(2).max(MIN_PRUNE_THRESHOLD);
        }
    }

    /// Returns the records to write back. Apps come before their keys.
    pub(super) fn to_restore(&self) -> Vec<Versioned> {
        let living = self.records.values().filter(|known| !is_expired(&known.record, self.latest));
        let mut records: Vec<_> = living.cloned().collect();
        records.sort_by(|one, other| one.record.name.cmp(&other.record.name));
        records
    }

    /// Returns the names of existing records that are not in `records`.
    pub(super) fn missing_from(&self, records: &[Versioned]) -> Vec<Box<str>> {
        let read: HashSet<_> = records.iter().map(|read| &read.record.name).collect();
        let there = self.records.values().filter(|known| known.record.value.is_some());
        there.map(|known| &known.record.name).filter(|name| !read.contains(name)).cloned().collect()
    }
}

fn is_expired(record: &Record, latest: Timestamp) -> bool {
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
    fn expired_records_are_dropped() {
        let mut known = SyncState::new();
        for nth in 0..100_000 {
            known.latest = Timestamp::from_millis(nth);
            known.note(record(format!("revoked/{nth}"), Some(b"hush"), Some(nth + 100)));
        }
        assert!(known.records.len() <= MIN_PRUNE_THRESHOLD + 1, "{} are kept", known.records.len());
        assert_eq!(known.to_restore().len(), 100);
    }

    #[test]
    fn deletions_are_kept_for_a_day() {
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
