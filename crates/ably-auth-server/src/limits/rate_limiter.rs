//! How often somebody may ask: a token bucket for each.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hash};
use std::sync::Mutex;
use std::time::Duration;

use crate::limits::Rate;
use crate::sync::lock;

/// Whoever comes at the same time seldom waits for another.
const SHARDS: usize = 64;

/// So many are remembered in a shard; when more come, all of them begin anew, so that memory stays bounded.
const MAX_REMEMBERED: usize = 8_192;

const NANOS_PER_SECOND: f64 = 1e9;

/// The interval of the slowest rate, one per century, in nanoseconds. With a longer one, the moments at which a bucket
/// is full would overflow a `u64`.
const MAX_INTERVAL: u64 = 100 * 366 * 24 * 60 * 60 * 1_000_000_000;

/// A bucket each for many. A bucket is one number: the moment at which it will be full again, in nanoseconds.
#[derive(Debug)]
pub(crate) struct Buckets {
    /// How long a bucket takes to get one more, in nanoseconds.
    interval: u64,
    /// How long an empty one takes to be full.
    depth: u64,
    hasher: RandomState,
    shards: [Mutex<HashMap<u64, u64>>; SHARDS],
}

impl Buckets {
    pub(crate) fn new(rate: Rate) -> Self {
        const NANOS: u64 = 1_000_000_000;
        let interval = NANOS.checked_div(u64::from(rate.per_second)).unwrap_or(NANOS).max(1);
        Self {
            interval,
            depth: interval.saturating_mul(u64::from(rate.burst.max(1))),
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }

    /// Takes one of that bucket at that moment, or else says how long it is until there is one.
    pub(crate) fn take<T: Hash + ?Sized>(&self, whose: &T, now: Duration) -> Result<(), Duration> {
        self.take_within(whose, now, self.interval, self.depth)
    }

    /// Takes `count` tokens from a bucket that fills at `rate` tokens per second. It holds the tokens of one second,
    /// but at least one. If it has too few, returns the time until it has enough, or [`Duration::MAX`] if it never
    /// will.
    pub(crate) fn take_many<T: Hash + ?Sized>(
        &self,
        whose: &T,
        now: Duration,
        rate: f64,
        count: usize,
    ) -> Result<(), Duration> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the cast saturates, and a rate is not negative"
        )]
        let interval = ((NANOS_PER_SECOND / rate) as u64).clamp(1, MAX_INTERVAL);
        let depth = interval.max(NANOS_PER_SECOND as u64);
        let interval = u64::try_from(count).ok().and_then(|count| interval.checked_mul(count));
        match interval.filter(|interval| *interval <= depth && rate > 0.0) {
            Some(interval) => self.take_within(whose, now, interval, depth),
            None => Err(Duration::MAX),
        }
    }

    fn take_within<T: Hash + ?Sized>(
        &self,
        whose: &T,
        now: Duration,
        interval: u64,
        depth: u64,
    ) -> Result<(), Duration> {
        let hash = self.hasher.hash_one(whose);
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let Some(shard) = shard_of(hash).and_then(|at| self.shards.get(at)) else {
            return Ok(());
        };
        let mut shard = lock(shard);
        let full = shard.get(&hash).copied().unwrap_or(0).max(now).saturating_add(interval);
        if let Some(missing) = full.saturating_sub(now).checked_sub(depth).filter(|missing| *missing > 0) {
            return Err(Duration::from_nanos(missing));
        }
        if shard.len() >= MAX_REMEMBERED && !shard.contains_key(&hash) {
            shard.clear();
        }
        shard.insert(hash, full);
        Ok(())
    }
}

/// Creates buckets without a common rate, for [`Buckets::take_many`] only.
impl Default for Buckets {
    fn default() -> Self {
        Self::new(Rate { per_second: 1, burst: 1 })
    }
}

/// Whatever the width of the machine, each hash has one.
fn shard_of(hash: u64) -> Option<usize> {
    usize::try_from(hash.checked_rem(u64::try_from(SHARDS).ok()?)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_burst_is_taken_and_then_as_many_as_come_back() {
        let buckets = Buckets::new(Rate { per_second: 10, burst: 3 });
        let taken = |now| (0..10).filter(|_| buckets.take("a", at(now)).is_ok()).count();
        assert_eq!(taken(1_000), 3);
        assert_eq!(buckets.take("a", at(1_000)), Err(at(100)));
        assert_eq!(buckets.take("a", at(1_040)), Err(at(60)));
        assert_eq!((taken(1_099), taken(1_100), taken(1_300)), (0, 1, 2));
        assert_eq!(taken(60_000), 3, "no more than a burst is saved up");
    }

    #[test]
    fn bucket_with_a_rate_of_its_own_holds_a_second() {
        let buckets = Buckets::new(Rate { per_second: 1, burst: 1 });
        let take = |whose: &str, millis, rate, count| buckets.take_many(whose, at(millis), rate, count);
        assert_eq!(take("a", 0, 10.0, 4), Ok(()));
        assert_eq!(take("a", 0, 10.0, 6), Ok(()));
        assert_eq!(take("a", 0, 10.0, 1), Err(at(100)));
        assert_eq!((take("a", 100, 10.0, 1), take("a", 100, 10.0, 1)), (Ok(()), Err(at(100))));
        assert_eq!((take("b", 0, 0.5, 1), take("b", 0, 0.5, 1)), (Ok(()), Err(at(2_000))), "it holds at least one");
        assert_eq!(take("b", 2_000, 0.5, 1), Ok(()));
        for (rate, count) in [(0.0, 1), (10.0, 11), (0.5, 2), (1e-300, 2), (1.0, usize::MAX)] {
            assert_eq!(take("c", 0, rate, count), Err(Duration::MAX), "{rate} {count}");
        }
        assert_eq!((take("d", 0, 1e300, 500), take("e", 0, 1e-300, 1)), (Ok(()), Ok(())));
        assert!(take("e", 1_000, 1e-300, 1).is_err(), "the bucket fills once per century");
    }

    #[test]
    fn a_hash_has_a_shard_whatever_fits_into_a_word() {
        for hash in [0, 1, u64::from(u32::MAX) + 7, u64::MAX] {
            assert_eq!(shard_of(hash), Some((hash % 64) as usize), "{hash}");
        }
    }

    #[test]
    fn each_has_a_bucket_of_its_own_and_there_is_an_end_to_them() {
        let buckets = Buckets::new(Rate { per_second: 1, burst: 1 });
        assert!(buckets.take("a", at(0)).is_ok() && buckets.take("b", at(0)).is_ok());
        assert!(buckets.take("a", at(0)).is_err());
        for other in 0..MAX_REMEMBERED * SHARDS * 2 {
            assert!(buckets.take(&other, at(0)).is_ok());
        }
        assert!(buckets.shards.iter().all(|shard| lock(shard).len() <= MAX_REMEMBERED));
    }
}
