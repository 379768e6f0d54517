//! What an app did, by the minute.

use std::collections::BTreeMap;

use ably_auth_core::Timestamp;
use serde_json::{Value, json};

use crate::page::{Page, Positioned};

const MINUTE_MILLIS: u64 = 60 * 1000;

/// How many minutes are kept: a day.
const MAX_MINUTES: usize = 24 * 60;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    messages: u64,
    tokens: u64,
}

/// Counters by minute since the epoch.
#[derive(Debug, Default)]
pub(crate) struct Stats(BTreeMap<u64, Counts>);

struct Interval {
    minute: u64,
    counts: Counts,
}

impl Positioned for Interval {
    fn position(&self) -> u64 {
        self.minute
    }

    fn moment(&self) -> Timestamp {
        Timestamp::from_millis(self.minute.saturating_mul(MINUTE_MILLIS))
    }
}

impl Stats {
    pub(crate) fn count_messages(&mut self, messages: usize, now: Timestamp) {
        let counted = &mut self.minute(now).messages;
        *counted = counted.saturating_add(u64::try_from(messages).unwrap_or(u64::MAX));
    }

    pub(crate) fn count_token(&mut self, now: Timestamp) {
        let counted = &mut self.minute(now).tokens;
        *counted = counted.saturating_add(1);
    }

    fn minute(&mut self, now: Timestamp) -> &mut Counts {
        let minute = now.as_millis() / MINUTE_MILLIS;
        if self.0.len() >= MAX_MINUTES && !self.0.contains_key(&minute) {
            self.0.pop_first();
        }
        self.0.entry(minute).or_default()
    }

    pub(crate) fn page(&self, page: &Page) -> (Vec<Value>, Option<u64>) {
        // A minute is in the page if any of it is.
        let start = (page.start.as_millis() / MINUTE_MILLIS).saturating_mul(MINUTE_MILLIS);
        let page = Page { start: Timestamp::from_millis(start), ..*page };
        let (intervals, next) = page.of(self.0.iter().map(|(&minute, &counts)| Interval { minute, counts }));
        (intervals.iter().map(Interval::to_json).collect(), next)
    }
}

impl Interval {
    fn to_json(&self) -> Value {
        let Counts { messages, tokens } = self.counts;
        let counts = [
            ("messages.all.all.count", messages),
            ("messages.inbound.rest.messages.count", messages),
            ("apiRequests.tokenRequests.succeeded", tokens),
        ];
        let entries: serde_json::Map<_, _> =
            counts.iter().filter(|(_, count)| *count > 0).map(|&(name, count)| (name.into(), count.into())).collect();
        json!({ "intervalId": interval_id(self.minute), "unit": "minute", "entries": entries })
    }
}

/// `YYYY-MM-DD:HH:MM`, in UTC.
#[expect(clippy::arithmetic_side_effects, reason = "the parts of a date are small, and subtracted from what is larger")]
fn interval_id(minute: u64) -> String {
    let (day, minute) = (minute / (24 * 60), minute % (24 * 60));
    // Years are counted from March, so that the leap day is the last of a year and each month begins at a fixed day.
    let day = day.saturating_add(719_468);
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, turn) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era.saturating_mul(400).saturating_add(year + turn);
    format!("{year:04}-{month:02}-{day:02}:{:02}:{:02}", minute / 60, minute % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_named_by_the_calendar() {
        let named = [
            (0, "1970-01-01:00:00"),
            (951_782_340, "2000-02-28:23:59"),
            (951_782_400, "2000-02-29:00:00"),
            (951_868_800, "2000-03-01:00:00"),
            (1_449_746_287, "2015-12-10:11:18"),
            (4_107_542_399, "2100-02-28:23:59"),
            (4_107_542_400, "2100-03-01:00:00"),
        ];
        for (seconds, name) in named {
            assert_eq!(interval_id(seconds / 60), name);
        }
        interval_id(u64::MAX / MINUTE_MILLIS);
        interval_id(u64::MAX);
    }

    #[test]
    fn a_day_is_kept() {
        let mut stats = Stats::default();
        for minute in 0..2_000 {
            stats.count_token(Timestamp::from_millis(minute * MINUTE_MILLIS));
        }
        assert_eq!(stats.0.len(), MAX_MINUTES);
        assert!(stats.0.contains_key(&1_999) && !stats.0.contains_key(&559));
    }
}
