//! Text layout in columns, dates, and escaping of text that could control a terminal.

use ably_auth::Timestamp;
use unicode_width::UnicodeWidthStr as _;

/// Returns true if the character has no glyph: zero-width spaces and joiners, direction marks, byte order marks.
pub(crate) const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Escapes control and invisible characters of untrusted `text`, which could control a terminal or reverse the line.
pub(crate) fn printable(text: &str) -> String {
    escaped(text, |c| c.is_control() || is_invisible(c), |c, shown| shown.extend(c.escape_default()))
}

/// Escapes like [`printable`], but keeps line feeds.
pub(crate) fn printable_lines(text: &str) -> String {
    let lines: Vec<_> = text.split('\n').map(printable).collect();
    lines.join("\n")
}

/// Escapes like [`printable`], but with JSON escapes, so that the JSON keeps its meaning. Keeps line feeds.
pub(crate) fn printable_json(json: &str) -> String {
    let is_harmful = |c: char| c != '\n' && (c.is_control() || is_invisible(c));
    escaped(json, is_harmful, |c, shown| {
        for unit in c.encode_utf16(&mut [0; 2]) {
            shown.push_str(&format!("\\u{unit:04x}"));
        }
    })
}

fn escaped(text: &str, is_harmful: impl Fn(char) -> bool, escape: impl Fn(char, &mut String)) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut shown, c| {
        if is_harmful(c) {
            escape(c, &mut shown);
        } else {
            shown.push(c);
        }
        shown
    })
}

/// Returns the width of `text` in columns.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// Pads `text` with spaces to `columns` columns.
pub(super) fn padded(text: &str, columns: usize) -> String {
    let spaces = columns.saturating_sub(width(text));
    format!("{text}{:spaces$}", "")
}

/// Formats names and values as lines with aligned values.
pub(crate) fn facts(facts: &[(&str, String)]) -> String {
    let widest = facts.iter().map(|(name, _)| width(name)).max().unwrap_or_default();
    let lines: Vec<_> = facts.iter().map(|(name, value)| format!("{}  {value}", padded(name, widest))).collect();
    lines.join("\n")
}

/// Formats a time as a UTC date and time, to the second.
pub(crate) fn moment(at: Timestamp) -> String {
    let seconds = at.as_millis() / 1000;
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// Returns the year, month and day of `days` after the epoch. Years start in March here, so that the leap day is last.
fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_IN_400_YEARS: u64 = 146_097;
    // Count from 0000-03-01.
    let days = days + 719_468;
    let (era, day_of_era) = (days / DAYS_IN_400_YEARS, days % DAYS_IN_400_YEARS);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(printable("chat\x1b[2J\n\u{202e}x\u{9b}"), r"chat\u{1b}[2J\n\u{202e}x\u{9b}");
        assert_eq!(printable(r#"{"café:日本":["*"]}"#), r#"{"café:日本":["*"]}"#);
    }

    #[test]
    fn escaped_json_has_same_value() {
        let value = serde_json::json!({ "a\u{202e}": "b\u{9b}2J\u{1b}\u{e0041}\u{7f}é" });
        let shown = printable_json(&value.to_string());
        assert!(shown.chars().all(|c| !c.is_control() && !is_invisible(c)), "{shown:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }

    #[test]
    fn wide_text_takes_two_columns() {
        assert_eq!(padded("日本", 6), "日本  ");
        assert_eq!(padded("cafe\u{301}", 6), "cafe\u{301}  ");
        assert_eq!(padded("longer than that", 3), "longer than that");
    }

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
            assert_eq!(moment(Timestamp::from_millis(seconds * 1000 + 999)), text);
        }
        // The latest time does not overflow.
        assert!(!moment(Timestamp::from_millis(u64::MAX)).is_empty());
    }
}
