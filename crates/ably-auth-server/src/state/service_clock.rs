//! What time the service goes by: a clock that may be set back, or be wrong, and another that runs evenly.
//!
//! What was over stays over, so the service's time never goes back by itself. If its clock does, time goes on from the latest
//! moment that was known, at half the pace, until the clock has caught up: so what is issued meanwhile ends, and no detour
//! lasts for longer than twice the step. A clock that is more than a day off is not followed in either direction, since
//! everything that is known would be over, or nothing: then nothing is granted until the clock is right, or is said to be.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use ably_auth_core::{Timestamp, Ttl};

use crate::clock::Steady;
use crate::store::Feed;
use crate::sync::lock;

/// No token lives for longer.
const DAY_MILLIS: u64 = Ttl::MAX.as_millis();

/// A step of less is waited out.
const NEGLIGIBLE_MILLIS: u64 = 1_000;

/// No moment that was handed out is further ahead of the time, unless it is of a clock that was wrong.
pub(crate) const MAX_AHEAD_MILLIS: u64 = 10 * 60 * 1000;

/// How often it is told that the clock is wrong.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// How the clock is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WrongClock {
    /// The store knows of a moment more than a day later.
    Behind { latest: Timestamp, now: Timestamp },
    /// It is more than a day further than it can have got.
    Ahead { expected: Timestamp, now: Timestamp },
}

impl fmt::Display for WrongClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Behind { latest, now } => {
                write!(f, "the clock says {now}, and it was {latest} already, more than a day later")?;
            }
            Self::Ahead { expected, now } => {
                write!(f, "the clock says {now}, more than a day ahead of {expected}, which it should be")?;
            }
        }
        f.write_str("; set the clock or, if it is right, start the service with word that it is (`--clock-is-right`)")
    }
}

pub(crate) struct Time {
    /// None for a clock that has no other beside it: then a step is waited out, and none ahead is noticed.
    steady: Option<Steady>,
    inner: Mutex<Inner>,
}

struct Inner {
    /// A moment, and how far the steady clock was at it.
    anchor: (Timestamp, Duration),
    told: Option<Duration>,
}

impl Time {
    /// From that moment on; 0 if any is as good.
    pub(crate) fn new(steady: Option<Steady>, from: Timestamp) -> Self {
        let anchor = (from, steady.as_ref().map_or(Duration::ZERO, Steady::elapsed));
        Self { steady, inner: Mutex::new(Inner { anchor, told: None }) }
    }

    /// Sees to it that the feed's latest moment is no earlier than the service's time.
    pub(crate) fn advance(&self, feed: &Feed, now: Timestamp) -> Result<(), WrongClock> {
        let mut inner = lock(&self.inner);
        // In turn: read before, it might be of before another's.
        let elapsed = self.steady.as_ref().map(Steady::elapsed);
        let checked = inner.advance(feed, now, elapsed);
        if let Err(wrong) = &checked {
            let elapsed = elapsed.unwrap_or_default();
            if inner.told.is_none_or(|told| elapsed.saturating_sub(told) >= TOLD_EVERY) {
                inner.told = Some(elapsed);
                tracing::error!("nothing is granted: {wrong}");
            }
        }
        checked
    }

    /// Goes on from that moment.
    pub(crate) fn set(&self, moment: Timestamp) {
        let mut inner = lock(&self.inner);
        *inner = Inner { anchor: (moment, self.steady.as_ref().map_or(Duration::ZERO, Steady::elapsed)), told: None };
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
        self.told = None;
        let elapsed = elapsed.unwrap_or_default();
        if now >= latest {
            feed.latest(now);
            self.anchor = (now, elapsed);
        } else if latest.millis_since(now) > NEGLIGIBLE_MILLIS {
            let slowly = later(anchored, passed.unwrap_or_default().checked_div(2).unwrap_or_default());
            if latest > slowly {
                // The clock steps back now, or somebody else has got further.
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

    /// At each pair of what the steady clock and the clock say, hours and a second clock's, the time in hours.
    fn times_of(from: u64, told: &[(u64, u64)]) -> Vec<Result<u64, WrongClock>> {
        let feed = Feed::new();
        let mut inner = Inner { anchor: (at(from), Duration::ZERO), told: None };
        let times = told.iter().map(|(elapsed, now)| {
            let elapsed = Duration::from_millis(at(*elapsed).as_millis());
            inner.advance(&feed, at(*now), Some(elapsed))?;
            Ok(feed.latest_known().as_millis() / HOUR)
        });
        times.collect()
    }

    #[test]
    fn time_goes_on_at_half_the_pace_until_the_clock_has_caught_up() {
        let told = [(0, 100), (2, 102), (2, 92), (4, 94), (6, 96), (12, 102), (16, 106), (22, 112), (23, 113)];
        assert_eq!(times_of(100, &told), [100, 102, 102, 103, 104, 107, 109, 112, 113].map(Ok));
    }

    #[test]
    fn a_clock_that_is_more_than_a_day_off_is_not_followed() {
        let told = [(0, 100), (1, 125), (1, 101), (1, 126), (3, 152), (3, 127), (3, 102), (4, 103)];
        let times = times_of(100, &told);
        assert_eq!(times[..3], [100, 125, 125].map(Ok), "a day ahead is followed, and a day back is slow");
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
    fn from_no_moment_any_is_as_good() {
        assert_eq!(times_of(0, &[(0, 1_000)]), [Ok(1_000)]);
    }
}
