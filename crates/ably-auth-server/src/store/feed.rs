//! What came to a store's knowledge, on its way to the service.

use std::collections::HashMap;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ably_auth_core::Timestamp;
use zeroize::Zeroizing;

use crate::sync::lock;

/// So many names are remembered with the version of their last change; after that, all of them count as changed.
const MAX_REMEMBERED: usize = 10_000;

/// Something that the service must not forget, under a name: an app, a key, a revocation.
///
/// `Debug` does not show the value, which may hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// What it is about.
    pub name: Box<str>,
    /// What is known of it; none if it is no more.
    pub value: Option<Zeroizing<Vec<u8>>>,
    /// From when on it means nothing any more; none if never.
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

/// The records that a store has got and its service has not looked at yet, and the latest time that either knows of.
///
/// To ask it whether there is something new costs as much as reading an atomic.
#[derive(Debug, Default)]
pub struct Feed {
    has_news: AtomicBool,
    /// The version of all that the service has looked at.
    seen: AtomicU64,
    latest: AtomicU64,
    /// Of what was before, there may be more than is known.
    known_from: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    version: u64,
    news: Vec<Record>,
    /// By name, the version of the last change; of what is not there, it is at most `floor`.
    written: HashMap<Box<str>, u64>,
    floor: u64,
}

impl Feed {
    /// Nothing is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Hands over what is new, in the order in which it was written. Whoever asks meanwhile waits until that is done, so
    /// that nobody decides by what is out of date.
    pub fn learn(&self, mut apply: impl FnMut(Record)) {
        if !self.has_news.load(Ordering::Acquire) {
            return;
        }
        let mut inner = lock(&self.inner);
        inner.news.drain(..).for_each(&mut apply);
        self.seen.store(inner.version, Ordering::Release);
        self.has_news.store(false, Ordering::Release);
    }

    /// The version of all that has been handed over.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen.load(Ordering::Acquire)
    }

    /// The latest time that was known of, `now` among it from then on. A clock that steps back changes nothing.
    pub fn latest(&self, now: Timestamp) -> Timestamp {
        let now = now.as_millis();
        Timestamp::from_millis(self.latest.fetch_max(now, Ordering::AcqRel).max(now))
    }

    /// The latest time that was known of; 0 if none was.
    #[must_use]
    pub fn latest_known(&self) -> Timestamp {
        Timestamp::from_millis(self.latest.load(Ordering::Acquire))
    }

    /// For a store that is [told the time](super::Store::set_time): it is that, though a later one was known.
    pub fn set_latest(&self, moment: Timestamp) {
        self.latest.store(moment.as_millis(), Ordering::Release);
    }

    /// The moment before which more may have been used and revoked than is known, since the store was lost; 0 if it was not.
    #[must_use]
    pub fn known_from(&self) -> Timestamp {
        Timestamp::from_millis(self.known_from.load(Ordering::Acquire))
    }

    /// For a store: says that it does not know all that was before.
    pub fn set_known_from(&self, moment: Timestamp) {
        self.known_from.store(moment.as_millis(), Ordering::Release);
    }

    /// For a store that is the only one to write: whether none of the records was written after that version.
    #[must_use]
    pub fn is_current(&self, records: &[Record], seen: u64) -> bool {
        lock(&self.inner).is_current(records, seen)
    }

    /// For a store that is the only one to write: the records are written, and go to the service.
    pub fn publish(&self, records: Vec<Record>) {
        self.add(&mut lock(&self.inner), records);
    }

    /// As [`is_current`](Self::is_current) and, if so, [`publish`](Self::publish), with nothing in between.
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
        inner.news.extend(records);
        self.has_news.store(true, Ordering::Release);
    }

    /// For a store that others write to as well: the version up to which everything was received.
    #[must_use]
    pub fn version(&self) -> u64 {
        lock(&self.inner).version
    }

    /// For a store that others write to as well: these records lead up to that version. What leads no further than what was
    /// received already is left aside: it came by another way.
    pub fn receive(&self, records: Vec<Record>, version: u64) {
        let mut inner = lock(&self.inner);
        if version <= inner.version {
            return;
        }
        inner.version = version;
        inner.news.extend(records);
        self.has_news.store(true, Ordering::Release);
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
    fn what_changed_since_it_was_looked_at_is_not_written_over() {
        let feed = Feed::new();
        assert!(feed.publish_if_current(vec![record("a"), record("b")], feed.seen()));
        assert!(!feed.publish_if_current(vec![record("c"), record("a")], feed.seen()), "nobody has looked at `a`");
        assert!(feed.publish_if_current(vec![record("c")], feed.seen()), "and none of it was written");
        assert_eq!(learned(&feed), ["a", "b", "c"]);
        assert!(feed.publish_if_current(vec![record("a")], feed.seen()));
        assert_eq!((learned(&feed), learned(&feed)), (vec!["a".to_owned()], vec![]));
    }

    #[test]
    fn what_is_not_remembered_counts_as_changed() {
        let feed = Feed::new();
        feed.publish(vec![record("first")]);
        let before = feed.seen();
        feed.publish((0..MAX_REMEMBERED).map(|nth| record(&nth.to_string())).collect());
        assert!(!feed.is_current(&[record("first")], before));
        feed.learn(drop);
        assert!(feed.is_current(&[record("first")], feed.seen()));
    }

    #[test]
    fn what_comes_twice_is_taken_once() {
        let feed = Feed::new();
        feed.receive(vec![record("a"), record("b")], 7);
        feed.receive(vec![record("a")], 6);
        assert_eq!((learned(&feed), feed.seen(), feed.version()), (vec!["a".to_owned(), "b".into()], 7, 7));
    }

    #[test]
    fn time_goes_forward_only_unless_it_is_told() {
        let (feed, at) = (Feed::new(), Timestamp::from_millis);
        assert_eq!((feed.latest(at(5)), feed.latest(at(4)), feed.latest_known()), (at(5), at(5), at(5)));
        feed.set_latest(at(3));
        assert_eq!((feed.latest_known(), feed.latest(at(4))), (at(3), at(4)));
    }

    #[test]
    fn a_record_does_not_show_its_value() {
        assert!(!format!("{:?}", record("key")).contains("104"), "h is 104");
    }
}
