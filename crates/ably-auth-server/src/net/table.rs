//! The table of open connections: their number, their number per address, and which one has been idle longest.
//!
//! The table is locked when a connection opens or closes, and never for a request. Its index orders connections by a
//! time that may be outdated: the connection became idle at that time or later. To make room, the table looks at the
//! first entry. If the connection was used since that time, its entry moves to the right place; otherwise the
//! connection is evicted. So the evicted connection is the one that has been idle longest. An entry moves at most once
//! for each use of its connection.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::Duration;

use super::phase::{Phase, micros};
use crate::clock::Stopwatch;
use crate::sync::lock;

/// The maximum number of connections in use that a search for an idle one skips. Skipped entries move to the end, so
/// the next search continues where this one stopped.
const MAX_SKIPPED: usize = 256;

/// The reason why a connection is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exceeded {
    /// There are too many connections, and no idle one was found.
    Total,
    /// There are too many connections from the same address.
    Address,
}

#[derive(Debug)]
pub(super) struct Table {
    most: usize,
    most_per_site: usize,
    /// The time for which a new connection may be silent before it counts as idle.
    grace: Duration,
    stopwatch: Stopwatch,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    last_id: u64,
    /// The entries, ordered by the time at which the connection became idle, or an earlier one, and by ID.
    by_idle: BTreeMap<(u64, u64), Entry>,
    /// The time in the `by_idle` key of each ID.
    moments: HashMap<u64, u64>,
    /// The number of connections of each address whose connections are limited.
    sites: HashMap<u128, usize>,
}

#[derive(Debug)]
struct Entry {
    phase: Arc<Phase>,
    /// The waker of the connection's task, which is called on eviction.
    waker: Waker,
    site: Option<u128>,
}

/// A connection's entry in the table. Dropping the slot removes the entry.
#[derive(Debug)]
pub(super) struct Slot<'a> {
    table: &'a Table,
    id: u64,
    /// True if another connection was evicted for this one.
    pub(super) has_evicted: bool,
}

impl Table {
    pub(super) fn new(most: usize, most_per_site: usize, grace: Duration) -> Self {
        Self { most, most_per_site, grace, stopwatch: Stopwatch::start(), open: Mutex::default() }
    }

    /// Returns the phase of a new connection.
    pub(super) fn phase(&self) -> Arc<Phase> {
        Phase::new(self.stopwatch, self.grace)
    }

    /// Adds a connection. If the table is full, evicts the connection that has been idle longest.
    ///
    /// `site` identifies the client's address. It is `None` if the connections of that address are not limited.
    pub(super) fn enter(&self, phase: &Arc<Phase>, waker: Waker, site: Option<u128>) -> Result<Slot<'_>, Exceeded> {
        let now = micros(self.stopwatch.elapsed());
        let mut open = lock(&self.open);
        if site.and_then(|site| open.sites.get(&site)).is_some_and(|count| *count >= self.most_per_site) {
            return Err(Exceeded::Address);
        }
        let has_evicted = open.by_idle.len() >= self.most;
        if has_evicted && !open.make_room(now) {
            return Err(Exceeded::Total);
        }
        open.last_id = open.last_id.wrapping_add(1);
        let id = open.last_id;
        if let Some(site) = site {
            let count = open.sites.entry(site).or_default();
            *count = count.saturating_add(1);
        }
        open.insert(id, now, Entry { phase: Arc::clone(phase), waker, site });
        Ok(Slot { table: self, id, has_evicted })
    }
}

impl Open {
    fn insert(&mut self, id: u64, since: u64, entry: Entry) {
        self.by_idle.insert((since, id), entry);
        self.moments.insert(id, since);
    }

    /// Evicts the connection that has been idle longest. Returns `false` if it finds no idle connection.
    fn make_room(&mut self, now: u64) -> bool {
        let mut skipped = 0_usize;
        while let Some((&(moment, id), entry)) = self.by_idle.first_key_value() {
            // `moment` is the smallest key, so no other connection became idle earlier.
            if moment > now || skipped > MAX_SKIPPED {
                return false;
            }
            let next = match entry.phase.idle_since() {
                Some(since) if since <= moment && entry.phase.evict() => {
                    if let Some(entry) = self.remove(id) {
                        entry.waker.wake();
                    }
                    return true;
                }
                Some(since) if since > moment && since <= now => since,
                // The connection is in use or in its grace period, so it becomes idle later than `now`.
                _ => {
                    skipped = skipped.saturating_add(1);
                    now.saturating_add(1)
                }
            };
            if let Some(entry) = self.by_idle.remove(&(moment, id)) {
                self.insert(id, next, entry);
            }
        }
        false
    }

    fn remove(&mut self, id: u64) -> Option<Entry> {
        let moment = self.moments.remove(&id)?;
        let entry = self.by_idle.remove(&(moment, id))?;
        if let Some(count) = entry.site.and_then(|site| self.sites.get_mut(&site)) {
            *count = count.saturating_sub(1);
        }
        if let Some(site) = entry.site.filter(|site| self.sites.get(site) == Some(&0)) {
            self.sites.remove(&site);
        }
        Some(entry)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let entry = lock(&self.table.open).remove(self.id);
        drop(entry);
    }
}

#[cfg(test)]
mod tests {
    use super::super::phase::Step;
    use super::*;

    fn table(most: usize, most_per_site: usize) -> Table {
        Table::new(most, most_per_site, Duration::ZERO)
    }

    fn enter<'a>(table: &'a Table, site: u128) -> Result<(Arc<Phase>, Slot<'a>), Exceeded> {
        let phase = table.phase();
        let slot = table.enter(&phase, Waker::noop().clone(), Some(site))?;
        Ok((phase, slot))
    }

    fn use_once(phase: &Phase) {
        assert!(phase.receive() && phase.begin(true));
        phase.end(true);
        assert!(phase.flushed());
    }

    #[test]
    fn longest_idle_connection_is_evicted() {
        let table = table(100, 100);
        let open: Vec<_> = (0..100).map(|_| enter(&table, 1).unwrap()).collect();
        let pause = || std::thread::sleep(Duration::from_micros(10));
        // Use the connections 99, 98, …, 0, and then 99 again.
        for (phase, _) in open.iter().rev() {
            pause();
            use_once(phase);
        }
        pause();
        use_once(&open[99].0);
        for expected in [98, 97, 96] {
            let entered = table.enter(&table.phase(), Waker::noop().clone(), None);
            let evicted: Vec<_> = (0..100).filter(|at| open[*at].0.step() == Step::Evicted).collect();
            assert_eq!(evicted.iter().min(), Some(&expected), "{evicted:?}");
            std::mem::forget(entered.unwrap());
        }
    }

    #[test]
    fn connections_in_use_are_not_evicted() {
        let table = table(1_000, 1_000);
        let open: Vec<_> = (0..1_000).map(|_| enter(&table, 1).unwrap()).collect();
        let last = &open[999].0;
        for (phase, _) in &open[..999] {
            assert!(phase.receive());
        }
        // Each search skips a limited number of connections, and the next search continues after them.
        let searches = (0..10).take_while(|_| enter(&table, 2).is_err()).count();
        assert!(searches <= 4 && last.step() == Step::Evicted, "{searches}");
        assert!(open[..999].iter().all(|(phase, _)| phase.step() == Step::Head));
    }

    #[test]
    fn address_at_limit_evicts_nothing() {
        let table = table(4, 2);
        let (_first, second) = (enter(&table, 1).unwrap(), enter(&table, 1).unwrap());
        let _others = [enter(&table, 2).unwrap(), enter(&table, 3).unwrap()];
        assert_eq!(enter(&table, 1).unwrap_err(), Exceeded::Address);
        drop(second);
        assert!(enter(&table, 1).is_ok());
        assert!(enter(&table, 1).is_ok(), "the dropped slot is free again");
    }

    #[test]
    fn closed_connection_leaves_no_entry() {
        let table = table(10, 5);
        for site in 0..1_000 {
            drop(enter(&table, site).unwrap());
            std::mem::forget(enter(&table, site % 3).unwrap().0);
        }
        let open = lock(&table.open);
        assert!(open.by_idle.is_empty() && open.moments.is_empty() && open.sites.is_empty(), "{open:?}");
    }

    #[test]
    fn new_connection_has_grace_period() {
        let table = Table::new(2, 2, Duration::from_secs(60));
        let (first, second) = (enter(&table, 1).unwrap(), enter(&table, 1).unwrap());
        assert_eq!(enter(&table, 2).unwrap_err(), Exceeded::Total);
        use_once(&second.0);
        std::thread::sleep(Duration::from_micros(10));
        assert!(enter(&table, 2).is_ok(), "the first request ends the grace period");
        assert_eq!((first.0.step(), second.0.step()), (Step::New, Step::Evicted));
    }
}
