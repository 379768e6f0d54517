//! Text layout in columns, and escaping of text that could control a terminal.

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
}
