//! The table of open connections: how many there are, how many of an address, and which one is idle for longest.
//!
//! The table is locked when a connection opens or closes, and never for a request. Its index orders connections by a moment
//! that may be out of date: each connection has become idle then or later. Making room takes the first entry, moves it to
//! the right place if the connection has been in use since, and evicts it if not. So the one that is evicted is the one that
//! is idle for longest, and an entry is moved at most once for each time that its connection was used.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::Duration;

use super::phase::{Phase, micros};
use crate::clock::Stopwatch;
use crate::store::lock;

/// The most connections in use that are passed over in the search for an idle one. Each of them is moved to the end, so the
/// next search goes on where this one stopped.
const MAX_PASSED_OVER: usize = 256;

/// Why a connection is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exceeded {
    /// There are too many connections, and none of them is idle.
    Total,
    /// There are too many connections from the same address.
    Address,
}

#[derive(Debug)]
pub(super) struct Table {
    most: usize,
    most_per_site: usize,
    /// How long a new connection may be silent before it counts as idle.
    grace: Duration,
    stopwatch: Stopwatch,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    last_id: u64,
    /// By the moment at which the connection became idle, or an earlier one; and by its ID.
    by_idle: BTreeMap<(u64, u64), Entry>,
    /// The moment under which each ID is in `by_idle`.
    moments: HashMap<u64, u64>,
    /// How many connections each address has, where that is limited.
    sites: HashMap<u128, usize>,
}

#[derive(Debug)]
struct Entry {
    phase: Arc<Phase>,
    /// Wakes the connection's task.
    waker: Waker,
    site: Option<u128>,
}

/// A connection's entry in the table, which is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Slot<'a> {
    table: &'a Table,
    id: u64,
    /// Whether another connection was evicted for this one.
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

    /// Enters a connection. If the table is full, the connection that is idle for longest is evicted.
    ///
    /// `site` is the client's address, if the connections of that address are limited.
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

    /// Evicts the connection that is idle for longest. Returns `false` if none is idle.
    fn make_room(&mut self, now: u64) -> bool {
        let mut passed_over = 0_usize;
        while let Some((&(moment, id), entry)) = self.by_idle.first_key_value() {
            // The others have been idle since `moment` at the earliest.
            if moment > now || passed_over > MAX_PASSED_OVER {
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
                // It is in use, or so new that it is given time. It may be idle from now on.
                _ => {
                    passed_over = passed_over.saturating_add(1);
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
    fn longest_idle_is_evicted_whatever_was_used_meanwhile() {
        let table = table(100, 100);
        let open: Vec<_> = (0..100).map(|_| enter(&table, 1).unwrap()).collect();
        let pause = || std::thread::sleep(Duration::from_micros(10));
        // Used in the order 99, 98, …, 1; then 50 is used again.
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
        // Each search passes over so many at most, and the next one goes on behind them.
        let searches = (0..10).take_while(|_| enter(&table, 2).is_err()).count();
        assert!(searches <= 4 && last.step() == Step::Evicted, "{searches}");
        assert!(open[..999].iter().all(|(phase, _)| phase.step() == Step::Head));
    }

    #[test]
    fn address_at_its_limit_evicts_nobody() {
        let table = table(4, 2);
        let (_first, second) = (enter(&table, 1).unwrap(), enter(&table, 1).unwrap());
        let _others = [enter(&table, 2).unwrap(), enter(&table, 3).unwrap()];
        assert_eq!(enter(&table, 1).unwrap_err(), Exceeded::Address);
        drop(second);
        assert!(enter(&table, 1).is_ok());
        assert!(enter(&table, 1).is_ok(), "its entry went with it");
    }

    #[test]
    fn nothing_is_left_of_what_is_closed() {
        let table = table(10, 5);
        for site in 0..1_000 {
            drop(enter(&table, site).unwrap());
            std::mem::forget(enter(&table, site % 3).unwrap().0);
        }
        let open = lock(&table.open);
        assert!(open.by_idle.is_empty() && open.moments.is_empty() && open.sites.is_empty(), "{open:?}");
    }

    #[test]
    fn new_connection_has_a_grace() {
        let table = Table::new(2, 2, Duration::from_secs(60));
        let (first, second) = (enter(&table, 1).unwrap(), enter(&table, 1).unwrap());
        assert_eq!(enter(&table, 2).unwrap_err(), Exceeded::Total);
        use_once(&second.0);
        std::thread::sleep(Duration::from_micros(10));
        assert!(enter(&table, 2).is_ok(), "the grace is over with the first request");
        assert_eq!((first.0.step(), second.0.step()), (Step::New, Step::Evicted));
    }
}
