//! The times of a cache: how early it renews a token, and how long it backs off from a source that fails.

use std::time::Duration;

use crate::random::Random;

/// The policy of a cache: how early it renews a token, and how long it backs off from a source that fails.
///
/// ```
/// use std::time::Duration;
/// use ably_auth::CachePolicy;
///
/// let policy = CachePolicy::new()
///     .early_refresh(Duration::from_secs(60))
///     .failure_backoff(Duration::from_millis(500), Duration::from_secs(30));
/// # let _ = policy;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CachePolicy {
    early_refresh: Duration,
    early_backoff: Backoff,
    failure_backoff: Backoff,
    retry_after_limit: Duration,
}

impl CachePolicy {
    /// Creates the default policy. Each setter documents its default value.
    #[must_use]
    pub const fn new() -> Self {
        let seconds = Duration::from_secs;
        Self {
            early_refresh: seconds(5 * 60),
            early_backoff: Backoff { first: seconds(1), max: seconds(60) },
            failure_backoff: Backoff { first: Duration::from_millis(100), max: seconds(10) },
            retry_after_limit: seconds(60),
        }
    }

    /// Sets how long before expiry a token is renewed: at most `before`, and at most a tenth of the token's lifetime.
    /// The default is 5 minutes. [`Duration::ZERO`] renews a token only after it has expired.
    ///
    /// In 5 minutes a source can restart, and the cache can retry several times. A tenth keeps most of a short lifetime
    /// in use. Random jitter makes the renewal up to half of that time earlier, never later, so that programs that
    /// started together do not all renew at once.
    #[must_use]
    pub const fn early_refresh(mut self, before: Duration) -> Self {
        self.early_refresh = before;
        self
    }

    /// Sets the wait after a failed early renewal: `first`, then twice as long each time, at most `max`. The defaults
    /// are 1 s and 60 s.
    ///
    /// Random jitter shortens each wait by up to half. Near the token's expiry, the wait is at most half of the
    /// remaining lifetime, and at least half of `first`.
    #[must_use]
    pub const fn early_backoff(mut self, first: Duration, max: Duration) -> Self {
        self.early_backoff = Backoff { first, max };
        self
    }

    /// Sets the wait after the second and each later consecutive failure while there is no valid token: `first`, then
    /// twice as long each time, at most `max`. The defaults are 100 ms and 10 s. During the wait, callers get the last
    /// error.
    ///
    /// Random jitter shortens each wait by up to half.
    #[must_use]
    pub const fn failure_backoff(mut self, first: Duration, max: Duration) -> Self {
        self.failure_backoff = Backoff { first, max };
        self
    }

    /// Limits the wait after an error with a [`retry_after`](crate::Error::retry_after). The default is 60 s.
    /// [`Duration::ZERO`] ignores `retry_after`.
    ///
    /// Up to the limit, `retry_after` replaces a shorter wait of [`early_backoff`](Self::early_backoff) or
    /// [`failure_backoff`](Self::failure_backoff), also after the first failure. If the token expires during the wait
    /// after an early renewal, it is renewed then.
    #[must_use]
    pub const fn retry_after_limit(mut self, limit: Duration) -> Self {
        self.retry_after_limit = limit;
        self
    }

    /// Returns the longer one of a backoff and the limited `retry_after`.
    pub(super) fn with_retry_after(&self, wait: Option<Duration>, retry_after: Option<Duration>) -> Option<Duration> {
        let asked = retry_after.map(|asked| asked.min(self.retry_after_limit)).filter(|asked| !asked.is_zero());
        wait.max(asked)
    }

    /// Returns how long before its expiry a token with that lifetime is renewed.
    pub(super) fn margin(&self, lifetime: Duration, jitter: Jitter) -> Duration {
        let margin = self.early_refresh.min(lifetime / 10);
        margin.saturating_add(jitter.share_of(margin / 2))
    }

    /// Returns the wait after `failures` consecutive early renewals failed, with `left` of the token's lifetime
    /// remaining.
    pub(super) fn refresh_wait(&self, failures: u32, left: Duration, jitter: Jitter) -> Duration {
        self.early_backoff.wait(failures.saturating_sub(1), jitter).min(left / 2).max(self.early_backoff.first / 2)
    }

    /// Returns the wait after `failures` consecutive failures without a valid token, or `None` if there is no wait.
    pub(super) fn initial_wait(&self, failures: u32, jitter: Jitter) -> Option<Duration> {
        failures.checked_sub(2).map(|doublings| self.failure_backoff.wait(doublings, jitter))
    }
}

impl Default for CachePolicy {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Backoff {
    first: Duration,
    max: Duration,
}

impl Backoff {
    fn wait(self, doublings: u32, jitter: Jitter) -> Duration {
        let wait = self.first.saturating_mul(2_u32.saturating_pow(doublings)).min(self.max);
        wait.saturating_sub(jitter.share_of(wait / 2))
    }
}

/// A random share of a time, from 0 to 255/256.
#[derive(Clone, Copy, Debug)]
pub(super) struct Jitter(u8);

impl Jitter {
    /// Draws a share. Without randomness the share is 0: requests at the same time are better than no requests.
    pub(super) fn from(random: &dyn Random) -> Self {
        Self(random.bytes().map_or(0, |[first, ..]| first))
    }

    fn share_of(self, span: Duration) -> Duration {
        (span / 256).saturating_mul(u32::from(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::{CachePolicy, Jitter};
    use std::time::Duration;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn margin_is_tenth_of_lifetime_or_5_min_plus_jitter() {
        let policy = CachePolicy::new();
        assert_eq!(policy.margin(seconds(3600), Jitter(0)), seconds(300));
        assert_eq!(policy.margin(seconds(60), Jitter(0)), seconds(6));
        assert_eq!(policy.margin(seconds(3600), Jitter(128)), seconds(375));
        assert!(policy.margin(seconds(3600), Jitter(255)) < seconds(450));
        assert_eq!(policy.early_refresh(Duration::ZERO).margin(seconds(3600), Jitter(255)), Duration::ZERO);
    }

    #[test]
    fn waits_double_up_to_max_and_jitter_only_shortens_them() {
        let policy = CachePolicy::new();
        let waits: Vec<_> = (1..=9).map(|failures| policy.refresh_wait(failures, seconds(9999), Jitter(0))).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60].map(seconds));
        assert!(policy.refresh_wait(3, seconds(9999), Jitter(255)) > seconds(2));
        assert_eq!(policy.refresh_wait(9, seconds(10), Jitter(0)), seconds(5));
        assert_eq!(policy.refresh_wait(9, Duration::ZERO, Jitter(0)), Duration::from_millis(500));
    }

    #[test]
    fn retry_after_only_lengthens_waits_up_to_limit() {
        let policy = CachePolicy::new();
        let wait = |backoff: Option<u64>, asked: Option<u64>| {
            policy.with_retry_after(backoff.map(seconds), asked.map(seconds)).map(|wait| wait.as_secs())
        };
        assert_eq!([wait(None, None), wait(None, Some(0)), wait(Some(3), None)], [None, None, Some(3)]);
        assert_eq!([wait(None, Some(7)), wait(Some(3), Some(7)), wait(Some(9), Some(7))], [Some(7), Some(7), Some(9)]);
        assert_eq!(wait(None, Some(86_400)), Some(60));
        assert_eq!(policy.retry_after_limit(Duration::ZERO).with_retry_after(None, Some(seconds(5))), None);
    }

    #[test]
    fn first_initial_failure_has_no_wait() {
        let wait = |failures| CachePolicy::new().initial_wait(failures, Jitter(0)).map(|wait| wait.as_millis());
        assert_eq!([0, 1, 2, 3, 4, 99].map(wait), [None, None, Some(100), Some(200), Some(400), Some(10_000)]);
    }
}
