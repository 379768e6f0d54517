//! The service's time, from the system's clock, which may be set back or be wrong, and a steady clock.
//!
//! Expiry is monotonic, so the service's time never goes back by itself. If the clock steps back, time continues from
//! the latest known moment at half speed until the clock has caught up. So tokens that are issued meanwhile still
//! expire, and the correction takes at most twice the step. A clock that is wrong by more than a day is not followed in
//! either direction, because everything would expire, or nothing would. All requests are then refused until the clock
//! is right or an operator confirms it.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use ably_auth_core::{Timestamp, Ttl};

use crate::clock::Steady;
use crate::store::Feed;
use crate::sync::lock;

/// A day, in milliseconds, which is the longest life of a token.
const DAY_MILLIS: u64 = Ttl::MAX.as_millis();

/// The largest step back, in milliseconds, during which time stands still instead of going on at half speed.
const NEGLIGIBLE_MILLIS: u64 = 1_000;

/// The maximum time by which an issue time or a cutoff can be ahead, in milliseconds, unless the clock was wrong.
pub(crate) const MAX_AHEAD_MILLIS: u64 = 10 * 60 * 1000;

/// The minimum interval between logs of a wrong clock.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// The error of a wrong clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WrongClock {
    /// The store has a time that is more than a day later.
    Behind { latest: Timestamp, now: Timestamp },
    /// The clock is more than a day ahead of the expected time.
    Ahead { expected: Timestamp, now: Timestamp },
}

impl fmt::Display for WrongClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Behind { latest, now } => {
                write!(f, "the clock is at {now}, more than a day behind the latest known time, {latest}")?;
            }
            Self::Ahead { expected, now } => {
                write!(f, "the clock is at {now}, more than a day ahead of the expected time, {expected}")?;
            }
        }
        f.write_str("; set the clock or, if it is right, start the service with `--clock-is-right`")
    }
}

pub(crate) struct Time {
    /// `None` for a clock without a steady clock. Time then stands still after a step back, and a step ahead is not
    /// detected.
    steady: Option<Steady>,
    inner: Mutex<Inner>,
}

struct Inner {
    /// A moment, and what the steady clock showed at it.
    anchor: (Timestamp, Duration),
    last_logged: Option<Duration>,
}

impl Time {
    /// Starts the time at `from`; 0 means that it is unknown.
    pub(crate) fn new(steady: Option<Steady>, from: Timestamp) -> Self {
        let anchor = (from, steady.as_ref().map_or(Duration::ZERO, Steady::elapsed));
        Self { steady, inner: Mutex::new(Inner { anchor, last_logged: None }) }
    }

    /// Advances the feed's latest time to the service's time.
    pub(crate) fn advance(&self, feed: &Feed, now: Timestamp) -> Result<(), WrongClock> {
        let mut inner = lock(&self.inner);
        // Read it under the lock, so that a later caller never has an earlier reading.
        let elapsed = self.steady.as_ref().map(Steady::elapsed);
        let checked = inner.advance(feed, now, elapsed);
        if let Err(wrong) = &checked {
            let elapsed = elapsed.unwrap_or_default();
            if inner.last_logged.is_none_or(|logged| elapsed.saturating_sub(logged) >= LOG_INTERVAL) {
                inner.last_logged = Some(elapsed);
                tracing::error!("nothing is granted: {wrong}");
            }
        }
        checked
    }

    /// Sets the time to that moment.
    pub(crate) fn set(&self, moment: Timestamp) {
        let mut inner = lock(&self.inner);
        *inner =
            Inner { anchor: (moment, self.steady.as_ref().map_or(Duration::ZERO, Steady::elapsed)), last_logged: None };
    }
}

impl Inner {
    fn advance(&mut self, feed: &Feed, now: Timestamp, elapsed: Option<Duration>) -> Result<(), WrongClock> {
        let latest = feed.latest_known();
        let (anchored, since) = self.anchor;
        let passed = elapsed.map(|elapsed| elapsed.saturating_sub(since));
        if let Some(passed) = passed {
            let expected = later(anchored, passed).max(latest);
            if anchored.as_millis() > 0 && now.millis_since(expected) > DAY_MILLIS {
                return Err(WrongClock::Ahead { expected, now });
            }
        }
        if latest.millis_since(now) > DAY_MILLIS {
            return Err(WrongClock::Behind { latest, now });
        }
        self.last_logged = None;
        let elapsed = elapsed.unwrap_or_default();
        if now >= latest {
            feed.latest(now);
            self.anchor = (now, elapsed);
        } else if latest.millis_since(now) > NEGLIGIBLE_MILLIS {
            let slowly = later(anchored, passed.unwrap_or_default().checked_div(2).unwrap_or_default());
            if latest > slowly {
                // The clock has just stepped back, or another service has a later time.
                self.anchor = (latest, elapsed);
            } else {
                feed.latest(slowly);
            }
        }
        Ok(())
    }
}

fn later(moment: Timestamp, by: Duration) -> Timestamp {
    let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
    Timestamp::from_millis(moment.as_millis().saturating_add(by))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 60 * 60 * 1000;

    fn at(hours: u64) -> Timestamp {
        Timestamp::from_millis(hours.saturating_mul(HOUR))
    }

    /// Returns the service's time after each reading of the steady clock and the clock, all in hours.
    fn times_of(from: u64, readings: &[(u64, u64)]) -> Vec<Result<u64, WrongClock>> {
        let feed = Feed::new();
        let mut inner = Inner { anchor: (at(from), Duration::ZERO), last_logged: None };
        let times = readings.iter().map(|(elapsed, now)| {
            let elapsed = Duration::from_millis(at(*elapsed).as_millis());
            inner.advance(&feed, at(*now), Some(elapsed))?;
            Ok(feed.latest_known().as_millis() / HOUR)
        });
        times.collect()
    }

    #[test]
    fn time_runs_at_half_speed_until_clock_catches_up() {
        let readings = [(0, 100), (2, 102), (2, 92), (4, 94), (6, 96), (12, 102), (16, 106), (22, 112), (23, 113)];
        assert_eq!(times_of(100, &readings), [100, 102, 102, 103, 104, 107, 109, 112, 113].map(Ok));
    }

    #[test]
    fn clock_wrong_by_over_a_day_is_not_followed() {
        let readings = [(0, 100), (1, 125), (1, 101), (1, 126), (3, 152), (3, 127), (3, 102), (4, 103)];
        let times = times_of(100, &readings);
        assert_eq!(
            times[..3],
            [100, 125, 125].map(Ok),
            "a step of a day ahead is followed, and one of a day back at half speed"
        );
        assert_eq!(times[3], Ok(126));
        assert_eq!(times[4], Ok(152), "26 hours in 2");
        assert_eq!(times[5..], [127, 102, 103].map(|now| Err(WrongClock::Behind { latest: at(152), now: at(now) })));
        let ahead = times_of(100, &[(0, 125), (0, 124), (30, 154), (31, 300), (31, 155)]);
        let wrong = WrongClock::Ahead { expected: at(155), now: at(300) };
        assert_eq!(
            ahead,
            [Err(WrongClock::Ahead { expected: at(100), now: at(125) }), Ok(124), Ok(154), Err(wrong), Ok(155)]
        );
    }

    #[test]
    fn time_stands_still_during_small_step_back() {
        let millis = Timestamp::from_millis;
        let times_after = |step: u64| {
            let feed = Feed::new();
            let mut inner = Inner { anchor: (millis(100_000), Duration::ZERO), last_logged: None };
            inner.advance(&feed, millis(100_000), Some(Duration::ZERO)).unwrap();
            inner.advance(&feed, millis(100_000_u64.saturating_sub(step)), Some(Duration::from_millis(400))).unwrap();
            feed.latest_known().as_millis()
        };
        assert_eq!(times_after(NEGLIGIBLE_MILLIS), 100_000);
        assert_eq!(times_after(1_001), 100_200, "half speed");
    }

    #[test]
    fn time_of_other_service_goes_on_at_half_speed() {
        let feed = Feed::new();
        let mut inner = Inner { anchor: (at(100), Duration::ZERO), last_logged: None };
        feed.latest(at(110));
        let mut time_after = |hours: u64, now| {
            inner.advance(&feed, at(now), Some(Duration::from_millis(at(hours).as_millis()))).unwrap();
            feed.latest_known()
        };
        assert_eq!([time_after(1, 101), time_after(3, 103)], [at(110), at(111)]);
    }

    #[test]
    fn wrong_clock_is_logged_once_a_minute() {
        let elapsed = std::sync::Arc::new(Mutex::new(Duration::ZERO));
        let source = std::sync::Arc::clone(&elapsed);
        let time = Time::new(Some(Steady::new(move || *lock(&source))), at(100));
        let feed = Feed::new();
        let logged = [0, 59, 60, 61].map(|seconds| {
            *lock(&elapsed) = Duration::from_secs(seconds);
            let wrong = time.advance(&feed, at(200)).unwrap_err().to_string();
            assert!(wrong.contains("more than a day ahead") && wrong.contains("--clock-is-right"), "{wrong}");
            lock(&time.inner).last_logged.map(|logged| logged.as_secs())
        });
        assert_eq!(logged, [Some(0), Some(0), Some(60), Some(60)]);
    }

    #[test]
    fn unknown_start_accepts_any_clock() {
        assert_eq!(times_of(0, &[(0, 1_000)]), [Ok(1_000)]);
    }
}
