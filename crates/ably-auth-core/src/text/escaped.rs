//! Text that an error or an explanation quotes.

use core::fmt::{self, Write as _};

/// A text that an error or an explanation quotes, in a form that stays within its quotes and on its line.
///
/// Quotes, backslashes, control characters and invisible characters are written as in a string literal of Rust. This
/// is not `str::escape_debug`, whose tables of Unicode take 5 KB: unassigned characters are shown as they are.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut start = 0;
        for (at, c) in self.0.char_indices().filter(|(_, c)| is_escaped(*c)) {
            f.write_str(self.0.get(start..at).unwrap_or_default())?;
            start = at.saturating_add(c.len_utf8());
            f.write_char('\\')?;
            match c {
                '"' | '\'' | '\\' => f.write_char(c)?,
                '\0' => f.write_char('0')?,
                '\n' => f.write_char('n')?,
                '\r' => f.write_char('r')?,
                '\t' => f.write_char('t')?,
                _ => write!(f, "u{{{:x}}}", u32::from(c))?,
            }
        }
        f.write_str(self.0.get(start..).unwrap_or_default())
    }
}

/// Returns true for quotes, and for characters that could hide or move the text around them: control characters,
/// spaces of any other width, marks of direction, tags, and characters for private use.
const fn is_escaped(c: char) -> bool {
    matches!(
        c,
        '\0'..='\u{1f}'
            | '"'
            | '\''
            | '\\'
            | '\u{7f}'..='\u{a0}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{1680}'
            | '\u{180e}'
            | '\u{2000}'..='\u{200f}'
            | '\u{2028}'..='\u{202f}'
            | '\u{205f}'..='\u{206f}'
            | '\u{3000}'
            | '\u{e000}'..='\u{f8ff}'
            | '\u{feff}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..
    )
}

#[cfg(test)]
mod tests {
    extern crate alloc;

    use alloc::string::{String, ToString as _};

    use super::Escaped;

    #[test]
    fn text_is_shown_as_in_literal() {
        let text = "chat:é日本🎉\"'\\\n\r\t\0\u{1b}[2J\u{85}\u{a0}\u{200d}\u{202e}\u{2028}\u{2066}\u{feff}\u{e0041}x";
        let shown =
            r#"chat:é日本🎉\"\'\\\n\r\t\0\u{1b}[2J\u{85}\u{a0}\u{200d}\u{202e}\u{2028}\u{2066}\u{feff}\u{e0041}x"#;
        assert_eq!(Escaped(text).to_string(), shown);
        assert_eq!(Escaped("").to_string(), "");
    }

    #[test]
    fn each_character_is_shown_or_escaped_like_debug() {
        for c in ('\0'..='\u{ffff}').chain('\u{e0000}'..='\u{e01ff}') {
            let shown = Escaped(&String::from(c)).to_string();
            assert!(shown == String::from(c) || shown == c.escape_debug().to_string(), "{shown}");
            assert!(!c.is_control() && !c.is_whitespace() || c == ' ' || shown.starts_with('\\'), "{c:?}");
        }
    }
}
