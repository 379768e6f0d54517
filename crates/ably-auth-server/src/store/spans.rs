//! The timestamps of dropped nonces, as a few spans of time.
//!
//! The latest dropped timestamp alone would not suffice. A clock that is ahead for a minute creates nonces of its own
//! time, and later drops them. If every earlier timestamp counted as dropped, no request would be exchanged until the
//! correct clock reached that time.

use ably_auth_core::{Timestamp, Ttl};

/// The maximum difference between a token request's timestamp and the service's clock, in milliseconds.
pub(crate) const WINDOW_MILLIS: u64 = 2 * 60 * 1000;

/// The maximum gap, in ms, between spans that are joined. When a clock joins its own past to a span ahead, the
/// timestamps in the gap are already too old to be exchanged. So joining refuses no current request.
const MAX_GAP_MILLIS: u64 = WINDOW_MILLIS;

/// The maximum time, in ms, between the end of a span and the latest timestamp. Older spans become part of the floor.
/// The service refuses all requests while its clock is this far behind.
///
/// Together with [`MAX_GAP_MILLIS`], it limits the number of spans to about 720.
const HORIZON_MILLIS: u64 = Ttl::MAX.as_millis();

/// A set of timestamps in O(1) memory: all timestamps up to a floor, and spans after it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Spans {
    floor: Option<Timestamp>,
    /// The spans in ascending order, more than [`MAX_GAP_MILLIS`] apart from each other.
    spans: Vec<(Timestamp, Timestamp)>,
}

impl Spans {
    /// Returns the set of all timestamps up to `floor`.
    #[cfg(feature = "redb")]
    pub(super) const fn up_to(floor: Timestamp) -> Self {
        Self { floor: Some(floor), spans: Vec::new() }
    }

    /// Restores a set from its [`floor`](Self::floor) and its [`spans`](Self::spans). Sorts and joins the spans again.
    #[cfg(feature = "redb")]
    pub(super) fn restored(floor: Option<Timestamp>, spans: impl IntoIterator<Item = (Timestamp, Timestamp)>) -> Self {
        let mut restored = Self { floor, spans: Vec::new() };
        spans.into_iter().for_each(|(first, last)| restored.add_span(first, last));
        restored
    }

    /// Returns the floor: the set contains every timestamp up to it.
    #[cfg(feature = "redb")]
    pub(super) const fn floor(&self) -> Option<Timestamp> {
        self.floor
    }

    /// Returns the spans after the floor, each by its first and its last timestamp.
    #[cfg(feature = "redb")]
    pub(super) fn spans(&self) -> &[(Timestamp, Timestamp)] {
        &self.spans
    }

    /// Returns the latest timestamp in the set.
    pub(super) fn latest(&self) -> Option<Timestamp> {
        self.spans.last().map(|(_, last)| *last).or(self.floor)
    }

    /// Returns the last timestamp of the span that contains `timestamp`, or the floor if `timestamp` is not after it.
    pub(super) fn end_of(&self, timestamp: Timestamp) -> Option<Timestamp> {
        if let Some(floor) = self.floor.filter(|floor| timestamp <= *floor) {
            return Some(floor);
        }
        // Most callers ask for recent timestamps, so search from the end.
        let span = self.spans.iter().rev().find(|(first, _)| *first <= timestamp);
        span.map(|(_, last)| *last).filter(|last| timestamp <= *last)
    }

    pub(super) fn add(&mut self, timestamp: Timestamp) {
        if self.end_of(timestamp).is_none() {
            self.add_span(timestamp, timestamp);
        }
    }

    fn add_span(&mut self, mut first: Timestamp, mut last: Timestamp) {
        self.spans.retain(|(other_first, other_last)| {
            let is_apart =
                first.millis_since(*other_last) > MAX_GAP_MILLIS || other_first.millis_since(last) > MAX_GAP_MILLIS;
            if !is_apart {
                (first, last) = (first.min(*other_first), last.max(*other_last));
            }
            is_apart
        });
        let place = self.spans.partition_point(|(other, _)| *other < first);
        self.spans.insert(place, (first, last));
        let latest = self.latest().unwrap_or(last);
        while let Some((first, last)) = self.spans.first().copied() {
            let joins = self.floor.is_some_and(|floor| first.millis_since(floor) <= MAX_GAP_MILLIS);
            if !joins && latest.millis_since(last) <= HORIZON_MILLIS {
                break;
            }
            self.floor = self.floor.max(Some(last));
            self.spans.remove(0);
        }
    }

    #[cfg(feature = "redb")]
    pub(super) fn add_all(&mut self, other: &Self) {
        if let Some(floor) = other.floor.filter(|floor| Some(*floor) > self.floor) {
            *self = Self::restored(Some(floor), self.spans.iter().copied().filter(|(_, last)| *last > floor));
        }
        other.spans.iter().for_each(|(first, last)| self.add_span(*first, *last));
    }

    /// Removes all timestamps after `end`.
    #[cfg(feature = "redb")]
    pub(super) fn cut(&mut self, end: Timestamp) {
        self.floor = self.floor.map(|floor| floor.min(end));
        self.spans.retain_mut(|(first, last)| {
            *last = (*last).min(end);
            *first <= end
        });
    }

    /// Replaces the set by all timestamps up to `end` if it contains one at or after `end`. This is for a clock that is
    /// set back: the wrong clock may have dropped any nonce before `end`.
    pub(super) fn lower(&mut self, end: Timestamp) {
        if self.latest().is_some_and(|latest| latest >= end) {
            *self = Self { floor: Some(end), spans: Vec::new() };
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: u64 = 60 * 60 * 1000;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn spans(timestamps: impl IntoIterator<Item = u64>) -> Spans {
        let mut spans = Spans::default();
        timestamps.into_iter().for_each(|timestamp| spans.add(at(timestamp)));
        spans
    }

    #[test]
    fn gap_between_distant_timestamps_is_not_contained() {
        let spans = spans([HOUR, 3 * HOUR, HOUR + 60_000]);
        assert_eq!(spans.end_of(at(HOUR + 30_000)), Some(at(HOUR + 60_000)));
        assert_eq!(spans.end_of(at(2 * HOUR)), None);
        assert_eq!(spans.end_of(at(3 * HOUR)), Some(at(3 * HOUR)));
        assert_eq!(spans.end_of(at(3 * HOUR + 1)), None);
        assert_eq!(spans.end_of(at(HOUR - 1)), None);
    }

    #[test]
    fn adjacent_span_is_joined() {
        let mut spans = spans([HOUR, 2 * HOUR]);
        (HOUR..2 * HOUR).step_by(60_000).for_each(|timestamp| spans.add(at(timestamp)));
        assert_eq!(spans.spans, [(at(HOUR), at(2 * HOUR))]);
    }

    #[test]
    fn number_of_spans_is_bounded() {
        let spans = spans((0..5_000).map(|nth| nth * (MAX_GAP_MILLIS + 1)));
        assert!(spans.spans.len() <= 721, "{} spans", spans.spans.len());
        assert_eq!(spans.end_of(at(1)), spans.floor, "timestamps older than a day count as contained");
    }

    #[cfg(feature = "redb")]
    #[test]
    fn cut_spans_end_there() {
        let mut cut = spans([HOUR, HOUR + 60_000, 3 * HOUR]);
        cut.cut(at(HOUR + 30_000));
        assert_eq!(cut.spans, [(at(HOUR), at(HOUR + 30_000))]);
    }

    proptest! {
        #[test]
        fn added_timestamp_is_contained(timestamps in prop::collection::vec(0..2 * HORIZON_MILLIS, 0..200)) {
            let spans = spans(timestamps.iter().copied());
            for timestamp in &timestamps {
                prop_assert!(spans.end_of(at(*timestamp)).is_some_and(|end| end >= at(*timestamp)));
            }
            prop_assert_eq!(spans.latest(), timestamps.iter().max().map(|latest| at(*latest)));
            let firsts: Vec<_> = spans.spans.iter().map(|(first, _)| *first).collect();
            prop_assert!(firsts.is_sorted());
        }

        /// Within a day, the set contains only the added timestamps and the gaps between close ones.
        #[test]
        fn distant_timestamp_is_not_contained(
            timestamps in prop::collection::vec(HOUR..20 * HOUR, 0..50),
            other in 0..24 * HOUR,
        ) {
            let spans = spans(timestamps.iter().copied());
            let is_near = timestamps.iter().any(|timestamp| timestamp.abs_diff(other) <= MAX_GAP_MILLIS);
            prop_assert!(is_near || spans.end_of(at(other)).is_none());
        }

        #[cfg(feature = "redb")]
        #[test]
        fn spans_round_trip(timestamps in prop::collection::vec(0..2 * HORIZON_MILLIS, 0..50)) {
            let spans = spans(timestamps);
            prop_assert_eq!(&Spans::restored(spans.floor(), spans.spans().iter().copied()), &spans);
            let mut sum = Spans::default();
            sum.add_all(&spans);
            prop_assert_eq!(sum, spans);
        }
    }
}
