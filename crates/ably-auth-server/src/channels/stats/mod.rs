//! The statistics of an app, by the minute.

mod counters;
mod interval;

pub(crate) use interval::Unit;

use std::collections::BTreeMap;
use std::fmt;

use ably_auth_core::{ErrorCode, Timestamp};
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value, json};

use crate::channels::page::{Page, Positioned};
use crate::refusal::Refusal;
use counters::{Counters, Nested};

const MINUTE_MILLIS: u64 = 60 * 1000;

/// The maximum number of minutes that are kept. A day has as many.
const MAX_MINUTES: usize = 24 * 60;

/// The maximum number of fixture counters of an app, over all minutes.
const MAX_FIXTURE_COUNTERS: usize = 2_048;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Counts {
    messages: u64,
    tokens: u64,
    /// The counters that a test suite has written, in a sandbox.
    fixture: Counters,
}

/// Counters by minute since the epoch.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    minutes: BTreeMap<u64, Counts>,
    /// The number of fixture counters, over all minutes.
    fixture_counters: usize,
}

/// The JSON form of an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Nested objects, for older clients.
    Nested,
    /// `entries`, for clients of version 3 of the protocol and later.
    Entries,
}

/// The counters of an app for an interval of time.
pub(crate) struct Interval {
    unit: Unit,
    /// The minute at which the interval begins, counted from the epoch.
    start: u64,
    counters: Counters,
}

impl Positioned for Interval {
    fn position(&self) -> u64 {
        self.start
    }

    fn timestamp(&self) -> Timestamp {
        Timestamp::from_millis(self.start.saturating_mul(MINUTE_MILLIS))
    }
}

/// The counters that a test suite writes for one interval.
#[derive(Debug)]
pub(crate) struct Fixture {
    interval_id: String,
    counters: Counters,
}

impl Stats {
    pub(crate) fn count_messages(&mut self, messages: usize, now: Timestamp) {
        if messages == 0 {
            return;
        }
        let counted = &mut self.minute(now.as_millis() / MINUTE_MILLIS).messages;
        *counted = counted.saturating_add(u64::try_from(messages).unwrap_or(u64::MAX));
    }

    pub(crate) fn count_token(&mut self, now: Timestamp) {
        let counted = &mut self.minute(now.as_millis() / MINUTE_MILLIS).tokens;
        *counted = counted.saturating_add(1);
    }

    /// Adds the counters that a test suite writes: those of all `fixtures`, or none.
    pub(crate) fn add_fixtures(&mut self, fixtures: &[Fixture]) -> Result<(), Refusal> {
        let minutes: Option<Vec<_>> = fixtures.iter().map(|fixture| interval::parse_id(&fixture.interval_id)).collect();
        let Some(minutes) = minutes else {
            let message = "invalid intervalId: it is not an interval name; give it as `2015-12-10:11:18`, in UTC";
            return Err(Refusal::new(ErrorCode::INVALID_PARAMETER, message));
        };
        let added = fixtures.iter().map(|fixture| fixture.counters.len()).fold(0, usize::saturating_add);
        if self.fixture_counters.saturating_add(added) > MAX_FIXTURE_COUNTERS {
            let message = format!(
                "too many statistics: an app holds {MAX_FIXTURE_COUNTERS} counters from `POST /stats`; use another app"
            );
            return Err(Refusal::new(ErrorCode::BAD_REQUEST, message));
        }
        for (fixture, minute) in fixtures.iter().zip(minutes) {
            let counters = &mut self.minute(minute).fixture;
            let before = counters.len();
            counters.add_all(&fixture.counters);
            let added = counters.len().saturating_sub(before);
            self.fixture_counters = self.fixture_counters.saturating_add(added);
        }
        Ok(())
    }

    fn minute(&mut self, minute: u64) -> &mut Counts {
        if self.minutes.len() >= MAX_MINUTES && !self.minutes.contains_key(&minute) {
            let dropped = self.minutes.pop_first().map_or(0, |(_, counts)| counts.fixture.len());
            self.fixture_counters = self.fixture_counters.saturating_sub(dropped);
        }
        self.minutes.entry(minute).or_default()
    }

    /// Returns the intervals of `page`. If more follow, also returns the position after which the next page starts.
    pub(crate) fn page(&self, page: &Page, unit: Unit) -> (Vec<Interval>, Option<u64>) {
        // An interval is in the page if any part of it is, so the page starts where the interval of `start` begins.
        let start = unit.start(page.start.as_millis() / MINUTE_MILLIS).saturating_mul(MINUTE_MILLIS);
        let page = Page { start: Timestamp::from_millis(start), ..*page };
        let mut intervals: Vec<Interval> = Vec::new();
        for (&minute, counts) in &self.minutes {
            let start = unit.start(minute);
            match intervals.last_mut().filter(|last| last.start == start) {
                Some(last) => counts.add_to(&mut last.counters),
                None => {
                    let mut counters = Counters::default();
                    counts.add_to(&mut counters);
                    intervals.push(Interval { unit, start, counters });
                }
            }
        }
        page.of(intervals.into_iter())
    }
}

impl Counts {
    fn add_to(&self, counters: &mut Counters) {
        // All messages count as REST: the service has no realtime connections.
        for name in ["all.all.count", "all.messages.count", "inbound.rest.messages.count"] {
            counters.add(name, self.messages);
        }
        counters.add("tokenRequests.succeeded", self.tokens);
        counters.add_all(&self.fixture);
    }
}

impl Interval {
    pub(crate) fn to_json(&self, form: Form) -> Value {
        let (id, unit) = (self.unit.id(self.start), self.unit.name());
        if form == Form::Entries {
            return json!({ "intervalId": id, "unit": unit, "entries": self.counters.entries() });
        }
        // Older clients fail if these fields are missing.
        let requests = json!({ "succeeded": 0, "failed": 0, "refused": 0 });
        let mut object = Map::from_iter([
            ("intervalId".into(), id.into()),
            ("unit".into(), unit.into()),
            ("apiRequests".into(), requests.clone()),
            ("tokenRequests".into(), requests),
        ]);
        for name in ["all", "inbound", "outbound", "connections", "channels"] {
            object.insert(name.into(), json!({}));
        }
        self.counters.nest(&mut object);
        Value::Object(object)
    }
}

impl<'de> Deserialize<'de> for Fixture {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Fixture;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the statistics of an interval")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fixture, A::Error> {
                let (mut interval_id, mut counters) = (None, Counters::default());
                while let Some(name) = map.next_key::<String>()? {
                    if name == "intervalId" {
                        interval_id = Some(map.next_value()?);
                    } else if let Some(nested) = Nested::of(&mut counters, &name) {
                        map.next_value_seed(nested)?;
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                let interval_id = interval_id.ok_or_else(|| de::Error::missing_field("intervalId"))?;
                Ok(Fixture { interval_id, counters })
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_of_one_day_are_kept() {
        let mut stats = Stats::default();
        for minute in 0..2_000 {
            stats.count_token(Timestamp::from_millis(minute * MINUTE_MILLIS));
        }
        assert_eq!(stats.minutes.len(), MAX_MINUTES);
        assert!(stats.minutes.contains_key(&1_999) && !stats.minutes.contains_key(&559));
    }

    #[test]
    fn fixture_counters_are_limited() {
        let fixture = |minute: usize| {
            let id = Unit::Minute.id(u64::try_from(minute).unwrap());
            serde_json::from_value::<Fixture>(json!({ "intervalId": id, "channels": { "peak": 1, "min": 2 } })).unwrap()
        };
        let mut stats = Stats::default();
        for minute in 0..MAX_FIXTURE_COUNTERS / 2 {
            stats.add_fixtures(&[fixture(minute)]).unwrap();
        }
        let refusal = stats.add_fixtures(&[fixture(0)]).unwrap_err();
        assert_eq!(refusal.info().code(), ErrorCode::BAD_REQUEST);
        assert_eq!(stats.fixture_counters, MAX_FIXTURE_COUNTERS);
        for minute in 5_000..7_000 {
            stats.count_token(Timestamp::from_millis(minute * MINUTE_MILLIS));
        }
        assert_eq!((stats.minutes.len(), stats.fixture_counters), (MAX_MINUTES, 0), "dropped minutes make room");
    }
}
