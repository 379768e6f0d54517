//! Times as text.

use ably_auth_core::Timestamp;

/// Formats a time as a UTC date and time, to the second.
///
/// ```
/// use ably_auth_core::Timestamp;
///
/// let at = Timestamp::from_millis(1_449_746_287_318);
/// assert_eq!(ably_auth_inspect::format_utc(at), "2015-12-10 11:18:07 UTC");
/// ```
#[must_use]
pub fn format_utc(at: Timestamp) -> String {
    let seconds = at.as_millis() / 1000;
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// Returns the year, month and day of `days` after the epoch. Years start in March here, so that the leap day is last.
#[allow(clippy::arithmetic_side_effects, reason = "days are below 2^38, so nothing overflows")]
const fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_IN_400_YEARS: u64 = 146_097;
    // Count from 0000-03-01.
    let days = days + 719_468;
    let (era, day_of_era) = (days / DAYS_IN_400_YEARS, days % DAYS_IN_400_YEARS);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + (month <= 2) as u64, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_follow_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_449_746_287, "2015-12-10 11:18:07 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
            (253_402_300_799, "9999-12-31 23:59:59 UTC"),
        ] {
            assert_eq!(format_utc(Timestamp::from_millis(seconds * 1000 + 999)), text);
        }
        // The latest time does not overflow.
        assert!(!format_utc(Timestamp::from_millis(u64::MAX)).is_empty());
    }
}
