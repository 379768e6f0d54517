//! A drawing of a token's lifetime as a bar.

use ably_auth::Timestamp;
use ably_auth_inspect::{Life, LifeState};

use super::{Paint, facts, moment};

/// The maximum length of a bar without its ends, in columns.
const COLUMNS: usize = 60;
/// The width of a line with a time, its name and its distance from now, in columns.
const LINE_COLUMNS: usize = 52;

/// Draws the lifetime of a token, and the current time.
pub(crate) fn draw(life: &Life, paint: Paint) -> String {
    Bar(life).draw(paint)
}

struct Bar<'a>(&'a Life);

impl Bar<'_> {
    fn column(&self, at: Timestamp, columns: usize) -> usize {
        let share = u128::from(at.millis_since(self.0.issued)) * columns as u128 / u128::from(self.0.millis().max(1));
        usize::try_from(share).unwrap_or(columns).min(columns.saturating_sub(1))
    }

    fn draw(&self, paint: Paint) -> String {
        let room = paint.columns().unwrap_or(usize::MAX);
        let columns = COLUMNS.min(room.saturating_sub(2)).max(1);
        let (now, renew) = (self.column(self.0.now, columns), self.column(self.0.renew_at, columns));
        let bar: String = (0..columns)
            .map(|at| match at {
                _ if at == now => paint.bold("●"),
                _ if at < now => paint.dim("━"),
                _ if at == renew => paint.yellow("┊"),
                _ if at > renew => paint.yellow("─"),
                _ => paint.green("─"),
            })
            .collect();
        let state = match self.0.state {
            LifeState::Early => paint.red("not issued yet"),
            LifeState::Expired => paint.red("expired"),
            LifeState::Renewing => paint.yellow("valid, and time to renew"),
            LifeState::Valid => paint.green("valid"),
        };
        let life = self.0;
        let mut moments =
            [("issued", life.issued), ("renew at", life.renew_at), ("expires", life.expires), ("● now", life.now)];
        moments.sort_by_key(|(_, at)| *at);
        let lines = moments.map(|(name, at)| {
            let when = if at == life.now { state.clone() } else { self.distance(at) };
            let between = if room < LINE_COLUMNS { "\n          " } else { "  " };
            (name, format!("{}{between}{when}", moment(at)))
        });
        format!("├{bar}┤\n{}", facts(&lines))
    }

    fn distance(&self, at: Timestamp) -> String {
        if at > self.0.now {
            format!("in {}", span(at.millis_since(self.0.now)))
        } else {
            format!("{} ago", span(self.0.now.millis_since(at)))
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

    fn at_minute_75(paint: Paint) -> String {
        let at = |minutes: u64| Timestamp::from_millis(minutes * 60_000);
        draw(&Life::new(at(60), at(120), at(75)), paint)
    }

    #[test]
    fn marks_are_at_their_times() {
        let drawn = at_minute_75(Paint::NONE);
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
        let drawn = at_minute_75(Paint::narrow(40));
        assert!(drawn.lines().all(|line| line.chars().count() <= 40), "{drawn}");
        let bar: Vec<_> = drawn.lines().next().unwrap_or_default().chars().collect();
        assert_eq!((bar.len(), bar.iter().position(|c| *c == '●')), (40, Some(10)));
        assert!(drawn.contains("issued    1970-01-01 01:00:00 UTC\n          15 min 0 s ago\n"), "{drawn}");
        assert!(!at_minute_75(Paint::narrow(0)).is_empty());
    }

    #[test]
    fn extreme_lifetimes_are_drawn() {
        let at = Timestamp::from_millis;
        for (issued, expires, now) in
            [(0, 0, 0), (5, 5, 9), (9, 3, 5), (0, u64::MAX, u64::MAX), (u64::MAX, u64::MAX, 0)]
        {
            let drawn = draw(&Life::new(at(issued), at(expires), at(now)), Paint::NONE);
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
