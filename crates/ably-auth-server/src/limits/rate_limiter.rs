//! Rate limits: a token bucket for each key or address.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hash};
use std::sync::Mutex;
use std::time::Duration;

use crate::limits::Rate;
use crate::sync::lock;

/// The number of shards, each with its own lock, so that concurrent requests seldom wait for each other.
const SHARDS: usize = 64;

/// The maximum number of buckets in a shard. When there are more, the shard is cleared, so that memory stays bounded.
const MAX_BUCKETS_PER_SHARD: usize = 8_192;

const NANOS_PER_SECOND: f64 = 1e9;
const NANOS: u64 = 1_000_000_000;

/// The interval of the slowest rate, one per century, in nanoseconds. With a longer one, the moments at which a bucket
/// is full would overflow a `u64`.
const MAX_INTERVAL: u64 = 100 * 366 * 24 * 60 * 60 * 1_000_000_000;

/// A set of token buckets. A bucket is stored as one number: the moment at which it will be full, in nanoseconds.
#[derive(Debug)]
pub(crate) struct Buckets {
    /// The time in which a bucket gains one token, in nanoseconds.
    interval: u64,
    /// The time in which an empty bucket becomes full, in nanoseconds.
    depth: u64,
    hasher: RandomState,
    shards: [Mutex<HashMap<u64, u64>>; SHARDS],
}

impl Buckets {
    pub(crate) fn new(rate: Rate) -> Self {
        let interval = NANOS.checked_div(u64::from(rate.per_second)).unwrap_or(NANOS).max(1);
        Self {
            interval,
            depth: interval.saturating_mul(u64::from(rate.burst.max(1))),
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }

    /// Takes a token from the bucket of `whose` at the moment `now`. If the bucket is empty, returns the time until it
    /// has a token.
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
        let (interval, depth) = interval_of(rate, count).ok_or(Duration::MAX)?;
        self.take_within(whose, now, interval, depth)
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
        let full = take_from(shard.get(&hash).copied().unwrap_or(0), now, interval, depth)?;
        if shard.len() >= MAX_BUCKETS_PER_SHARD && !shard.contains_key(&hash) {
            shard.clear();
        }
        shard.insert(hash, full);
        Ok(())
    }
}

/// A token bucket of one holder: the moment at which it will be full, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bucket(u64);

impl Bucket {
    /// Takes a token at the moment `now`. Returns false if the bucket is empty.
    pub(crate) fn take(&mut self, now: Duration, rate: Rate) -> bool {
        let interval = NANOS.checked_div(u64::from(rate.per_second)).unwrap_or(NANOS).max(1);
        self.take_within(now, interval, interval.saturating_mul(u64::from(rate.burst.max(1))))
    }

    /// Takes `count` tokens, as [`Buckets::take_many`] does.
    pub(crate) fn take_many(&mut self, now: Duration, rate: f64, count: usize) -> bool {
        interval_of(rate, count).is_some_and(|(interval, depth)| self.take_within(now, interval, depth))
    }

    fn take_within(&mut self, now: Duration, interval: u64, depth: u64) -> bool {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let taken = take_from(self.0, now, interval, depth);
        taken.is_ok_and(|full| {
            self.0 = full;
            true
        })
    }
}

/// Takes what gains one `interval` from a bucket that is full at the moment `full` and holds `depth`. Returns the new
/// moment, or the time until there is enough.
fn take_from(full: u64, now: u64, interval: u64, depth: u64) -> Result<u64, Duration> {
    let full = full.max(now).saturating_add(interval);
    match full.saturating_sub(now).checked_sub(depth).filter(|missing| *missing > 0) {
        Some(missing) => Err(Duration::from_nanos(missing)),
        None => Ok(full),
    }
}

/// Returns the time in which `count` tokens are gained at `rate` per second, and the depth of the bucket; `None` if it
/// never holds that many.
fn interval_of(rate: f64, count: usize) -> Option<(u64, u64)> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, and a rate is not negative"
    )]
    let interval = ((NANOS_PER_SECOND / rate) as u64).clamp(1, MAX_INTERVAL);
    let depth = interval.max(NANOS);
    let interval = interval.checked_mul(u64::try_from(count).ok()?)?;
    (interval <= depth && rate > 0.0).then_some((interval, depth))
}

/// Creates buckets without a common rate, for [`Buckets::take_many`] only.
impl Default for Buckets {
    fn default() -> Self {
        Self::new(Rate { per_second: 1, burst: 1 })
    }
}

/// Returns the shard of a hash. The remainder is computed in 64 bits, so it is the same on 32-bit machines.
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
    fn burst_is_taken_then_refill_rate_applies() {
        let buckets = Buckets::new(Rate { per_second: 10, burst: 3 });
        let taken = |now| (0..10).filter(|_| buckets.take("a", at(now)).is_ok()).count();
        assert_eq!(taken(1_000), 3);
        assert_eq!(buckets.take("a", at(1_000)), Err(at(100)));
        assert_eq!(buckets.take("a", at(1_040)), Err(at(60)));
        assert_eq!((taken(1_099), taken(1_100), taken(1_300)), (0, 1, 2));
        assert_eq!(taken(60_000), 3, "the bucket holds at most one burst");
    }

    #[test]
    fn bucket_with_own_rate_holds_one_second() {
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
    fn every_hash_has_a_shard_on_any_word_size() {
        for hash in [0, 1, u64::from(u32::MAX) + 7, u64::MAX] {
            assert_eq!(shard_of(hash), Some((hash % 64) as usize), "{hash}");
        }
    }

    #[test]
    fn buckets_are_separate_and_bounded() {
        let buckets = Buckets::new(Rate { per_second: 1, burst: 1 });
        assert!(buckets.take("a", at(0)).is_ok() && buckets.take("b", at(0)).is_ok());
        assert!(buckets.take("a", at(0)).is_err());
        for other in 0..MAX_BUCKETS_PER_SHARD * SHARDS * 2 {
            assert!(buckets.take(&other, at(0)).is_ok());
        }
        assert!(buckets.shards.iter().all(|shard| lock(shard).len() <= MAX_BUCKETS_PER_SHARD));
    }
}
