//! The change feed of a store.

use std::collections::HashMap;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ably_auth_core::Timestamp;
use zeroize::Zeroizing;

use crate::sync::lock;

/// The maximum number of names whose last change is remembered. Above it, all names count as changed.
const MAX_REMEMBERED: usize = 10_000;

/// A named piece of data that the service must not lose: an app, a key, or a revocation.
///
/// `Debug` does not show the value, which may hold a secret.
///
/// ```
/// use ably_auth_server::store::Record;
///
/// let created = Record { name: "app/shop".into(), value: Some(b"{}".to_vec().into()), expires: None };
/// let deleted = Record { value: None, ..created.clone() };
/// assert!(!format!("{created:?}").contains("{}"), "the value is not shown");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// The name.
    pub name: Box<str>,
    /// The value; `None` if the record was deleted.
    pub value: Option<Zeroizing<Vec<u8>>>,
    /// The time at which the record expires; `None` if it does not.
    pub expires: Option<Timestamp>,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("name", &self.name)
            .field("is_there", &self.value.is_some())
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// The records that a store has received and its service has not applied yet, and the latest known time.
///
/// A check for new records costs as much as reading an atomic.
///
/// ```
/// use ably_auth_server::store::{Feed, Record};
///
/// let feed = Feed::new();
/// feed.publish(vec![Record { name: "app/shop".into(), value: None, expires: None }]);
/// let mut learned = Vec::new();
/// feed.learn(|record| learned.push(record.name.to_string()));
/// assert_eq!(learned, ["app/shop"]);
/// ```
#[derive(Debug, Default)]
pub struct Feed {
    has_new_records: AtomicBool,
    /// The version up to which the service has applied the records.
    seen: AtomicU64,
    latest: AtomicU64,
    /// The time from which all data is known, in milliseconds since the epoch.
    known_from: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    version: u64,
    new_records: Vec<Record>,
    /// The version of each name's last change. Names that are not in the map changed at `floor` or before.
    written: HashMap<Box<str>, u64>,
    floor: u64,
}

impl Feed {
    /// Creates an empty feed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Passes new records to `apply`, in the order in which they were written. Concurrent callers wait until this is
    /// done, so that they do not decide from outdated data.
    pub fn learn(&self, mut apply: impl FnMut(Record)) {
        if !self.has_new_records.load(Ordering::Acquire) {
            return;
        }
        let mut inner = lock(&self.inner);
        inner.new_records.drain(..).for_each(&mut apply);
        self.seen.store(inner.version, Ordering::Release);
        self.has_new_records.store(false, Ordering::Release);
    }

    /// Returns the version up to which records were passed on.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen.load(Ordering::Acquire)
    }

    /// Advances the latest known time to `now` if that is later, and returns it.
    pub fn latest(&self, now: Timestamp) -> Timestamp {
        let now = now.as_millis();
        Timestamp::from_millis(self.latest.fetch_max(now, Ordering::AcqRel).max(now))
    }

    /// Returns the latest known time; 0 if none is known.
    #[must_use]
    pub fn latest_known(&self) -> Timestamp {
        Timestamp::from_millis(self.latest.load(Ordering::Acquire))
    }

    /// Sets the latest known time, even to an earlier one, for [`Store::set_time`](super::Store::set_time).
    pub fn set_latest(&self, moment: Timestamp) {
        self.latest.store(moment.as_millis(), Ordering::Release);
    }

    /// Returns the time before which nonces and revocations may have been lost with the store; 0 if nothing was lost.
    #[must_use]
    pub fn known_from(&self) -> Timestamp {
        Timestamp::from_millis(self.known_from.load(Ordering::Acquire))
    }

    /// Sets the time before which the store does not know all data.
    pub fn set_known_from(&self, moment: Timestamp) {
        self.known_from.store(moment.as_millis(), Ordering::Release);
    }

    /// Returns whether none of the records was changed after the version `seen`. For a store with a single writer.
    #[must_use]
    pub fn is_current(&self, records: &[Record], seen: u64) -> bool {
        lock(&self.inner).is_current(records, seen)
    }

    /// Adds records that were written. For a store with a single writer.
    pub fn publish(&self, records: Vec<Record>) {
        self.add(&mut lock(&self.inner), records);
    }

    /// Publishes the records if they are [current](Self::is_current), as one atomic step. Returns true if it did.
    pub fn publish_if_current(&self, records: Vec<Record>, seen: u64) -> bool {
        let mut inner = lock(&self.inner);
        let current = inner.is_current(&records, seen);
        if current {
            self.add(&mut inner, records);
        }
        current
    }

    fn add(&self, inner: &mut Inner, records: Vec<Record>) {
        if records.is_empty() {
            return;
        }
        inner.version = inner.version.saturating_add(1);
        if inner.written.len().saturating_add(records.len()) > MAX_REMEMBERED {
            inner.floor = inner.version.saturating_sub(1);
            inner.written.clear();
        }
        for record in &records {
            inner.written.insert(record.name.clone(), inner.version);
        }
        inner.new_records.extend(records);
        self.has_new_records.store(true, Ordering::Release);
    }

    /// Returns the version up to which records were received. For a store with several writers.
    #[must_use]
    pub fn version(&self) -> u64 {
        lock(&self.inner).version
    }

    /// Adds records that lead up to `version`. Ignores them if that version was received before, since another reply
    /// had them. For a store with several writers.
    pub fn receive(&self, records: Vec<Record>, version: u64) {
        let mut inner = lock(&self.inner);
        if version <= inner.version {
            return;
        }
        inner.version = version;
        inner.new_records.extend(records);
        self.has_new_records.store(true, Ordering::Release);
    }
}

impl Inner {
    fn is_current(&self, records: &[Record], seen: u64) -> bool {
        let of = |record: &Record| self.written.get(&record.name).copied().unwrap_or(self.floor);
        records.iter().all(|record| of(record) <= seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str) -> Record {
        Record { name: name.into(), value: Some(Zeroizing::new(b"hush".to_vec())), expires: None }
    }

    fn learned(feed: &Feed) -> Vec<String> {
        let mut names = Vec::new();
        feed.learn(|record| names.push(record.name.into()));
        names
    }

    #[test]
    fn record_changed_since_read_is_not_overwritten() {
        let feed = Feed::new();
        assert!(feed.publish_if_current(vec![record("a"), record("b")], feed.seen()));
        assert!(
            !feed.publish_if_current(vec![record("c"), record("a")], feed.seen()),
            "the change of `a` was not read"
        );
        assert!(feed.publish_if_current(vec![record("c")], feed.seen()), "the refused write had no effect");
        assert_eq!(learned(&feed), ["a", "b", "c"]);
        assert!(feed.publish_if_current(vec![record("a")], feed.seen()));
        assert_eq!((learned(&feed), learned(&feed)), (vec!["a".to_owned()], vec![]));
    }

    #[test]
    fn names_not_remembered_count_as_changed() {
        let feed = Feed::new();
        feed.publish(vec![record("first")]);
        let before = feed.seen();
        feed.publish((0..MAX_REMEMBERED).map(|nth| record(&nth.to_string())).collect());
        assert!(!feed.is_current(&[record("first")], before));
        feed.learn(drop);
        assert!(feed.is_current(&[record("first")], feed.seen()));
    }

    #[test]
    fn records_received_twice_are_applied_once() {
        let feed = Feed::new();
        feed.receive(vec![record("a"), record("b")], 7);
        feed.receive(vec![record("a")], 6);
        assert_eq!((learned(&feed), feed.seen(), feed.version()), (vec!["a".to_owned(), "b".into()], 7, 7));
    }

    #[test]
    fn latest_time_goes_back_only_when_set() {
        let (feed, at) = (Feed::new(), Timestamp::from_millis);
        assert_eq!((feed.latest(at(5)), feed.latest(at(4)), feed.latest_known()), (at(5), at(5), at(5)));
        feed.set_latest(at(3));
        assert_eq!((feed.latest_known(), feed.latest(at(4))), (at(3), at(4)));
    }

    #[test]
    fn record_debug_hides_value() {
        assert!(!format!("{:?}", record("key")).contains("104"), "h is 104");
    }
}
