//! A drawing of a token's lifetime as a bar.

use ably_auth::Timestamp;

use super::Paint;
use super::text::{facts, moment};

/// The maximum length of a bar without its ends, in columns.
const COLUMNS: usize = 60;
/// The width of a line with a time, its name and its distance from now, in columns.
const LINE_COLUMNS: usize = 52;

/// The maximum time between renewal and expiry, in milliseconds. By default, a token is renewed when a tenth of its
/// lifetime is left.
const MAX_RENEWAL_MARGIN_MS: u64 = 5 * 60 * 1000;

/// The lifetime of a token, and the current time.
#[derive(Clone, Copy)]
pub(crate) struct Lifetime {
    pub(crate) issued: Timestamp,
    pub(crate) expires: Timestamp,
    pub(crate) now: Timestamp,
}

impl Lifetime {
    /// Returns the latest time at which a token cache with default settings renews the token.
    pub(crate) fn renew_at(self) -> Timestamp {
        let margin = (self.length() / 10).min(MAX_RENEWAL_MARGIN_MS);
        Timestamp::from_millis(self.expires.as_millis().saturating_sub(margin))
    }

    /// Returns `early`, `valid`, `renewing` or `expired`.
    pub(crate) fn state(self) -> &'static str {
        if self.now < self.issued {
            "early"
        } else if self.now >= self.expires {
            "expired"
        } else if self.now >= self.renew_at() {
            "renewing"
        } else {
            "valid"
        }
    }

    fn length(self) -> u64 {
        self.expires.millis_since(self.issued)
    }

    fn column(self, at: Timestamp, columns: usize) -> usize {
        let share = u128::from(at.millis_since(self.issued)) * columns as u128 / u128::from(self.length().max(1));
        usize::try_from(share).unwrap_or(columns).min(columns.saturating_sub(1))
    }

    pub(crate) fn draw(self, paint: Paint) -> String {
        let room = paint.columns().unwrap_or(usize::MAX);
        let columns = COLUMNS.min(room.saturating_sub(2)).max(1);
        let (now, renew) = (self.column(self.now, columns), self.column(self.renew_at(), columns));
        let bar: String = (0..columns)
            .map(|at| match at {
                _ if at == now => paint.bold("●"),
                _ if at < now => paint.dim("━"),
                _ if at == renew => paint.yellow("┊"),
                _ if at > renew => paint.yellow("─"),
                _ => paint.green("─"),
            })
            .collect();
        let state = match self.state() {
            "early" => paint.red("not issued yet"),
            "expired" => paint.red("expired"),
            "renewing" => paint.yellow("valid, and time to renew"),
            _ => paint.green("valid"),
        };
        let mut moments =
            [("issued", self.issued), ("renew at", self.renew_at()), ("expires", self.expires), ("● now", self.now)];
        moments.sort_by_key(|(_, at)| *at);
        let lines = moments.map(|(name, at)| {
            let when = if at == self.now { state.clone() } else { self.distance(at) };
            let between = if room < LINE_COLUMNS { "\n          " } else { "  " };
            (name, format!("{}{between}{when}", moment(at)))
        });
        format!("├{bar}┤\n{}", facts(&lines))
    }

    fn distance(self, at: Timestamp) -> String {
        if at > self.now {
            format!("in {}", span(at.millis_since(self.now)))
        } else {
            format!("{} ago", span(self.now.millis_since(at)))
        }
    }
}

/// Formats a duration with its two largest units.
fn span(millis: u64) -> String {
    let seconds = millis / 1000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(now: u64) -> Lifetime {
        let at = |minutes: u64| Timestamp::from_millis(minutes * 60_000);
        Lifetime { issued: at(60), expires: at(120), now: at(now) }
    }

    #[test]
    fn marks_are_at_their_times() {
        let drawn = life(75).draw(Paint::NONE);
        let bar: Vec<_> = drawn.lines().next().unwrap_or_default().chars().collect();
        assert_eq!(bar.len(), 62);
        let place = |mark| bar.iter().position(|c| *c == mark);
        // A column is a minute. The first column is the end of the bar.
        assert_eq!((place('●'), place('┊')), (Some(16), Some(56)));
        assert!(drawn.contains("issued    1970-01-01 01:00:00 UTC  15 min 0 s ago\n"), "{drawn}");
        assert!(drawn.contains("● now     1970-01-01 01:15:00 UTC  valid\n"), "{drawn}");
        assert!(drawn.contains("renew at  1970-01-01 01:55:00 UTC  in 40 min 0 s\n"), "{drawn}");
    }

    #[test]
    fn no_line_wraps_in_narrow_terminal() {
        let drawn = life(75).draw(Paint::narrow(40));
        assert!(drawn.lines().all(|line| line.chars().count() <= 40), "{drawn}");
        let bar: Vec<_> = drawn.lines().next().unwrap_or_default().chars().collect();
        assert_eq!((bar.len(), bar.iter().position(|c| *c == '●')), (40, Some(10)));
        assert!(drawn.contains("issued    1970-01-01 01:00:00 UTC\n          15 min 0 s ago\n"), "{drawn}");
        assert!(!life(75).draw(Paint::narrow(0)).is_empty());
    }

    #[test]
    fn state_depends_on_time() {
        for (now, state) in
            [(59, "early"), (60, "valid"), (114, "valid"), (115, "renewing"), (119, "renewing"), (120, "expired")]
        {
            assert_eq!(life(now).state(), state, "{now}");
        }
    }

    #[test]
    fn short_token_is_renewed_with_a_tenth_left() {
        let at = Timestamp::from_millis;
        assert_eq!(Lifetime { issued: at(0), expires: at(1000), now: at(0) }.renew_at(), at(900));
    }

    #[test]
    fn extreme_lifetimes_are_drawn() {
        let at = Timestamp::from_millis;
        for (issued, expires, now) in
            [(0, 0, 0), (5, 5, 9), (9, 3, 5), (0, u64::MAX, u64::MAX), (u64::MAX, u64::MAX, 0)]
        {
            let drawn = Lifetime { issued: at(issued), expires: at(expires), now: at(now) }.draw(Paint::NONE);
            assert_eq!(drawn.lines().next().map(|bar| bar.chars().count()), Some(62), "{drawn}");
        }
    }

    #[test]
    fn spans_have_two_units() {
        for (seconds, text) in [(59, "59 s"), (61, "1 min 1 s"), (3660, "1 h 1 min"), (90_000, "1 d 1 h")] {
            assert_eq!(span(seconds * 1000), text);
        }
    }
}
