//! Text as credentials and the wire have it: JSON, base64url, decimal numbers, and text that is safe to print.

pub(crate) mod base64url;
#[cfg(feature = "alloc")]
pub(crate) mod conversions;
mod decimal;
pub(crate) mod json_writer;

#[cfg(feature = "alloc")]
pub(crate) mod json_reader;
#[cfg(feature = "serde")]
pub(crate) mod printable;
#[cfg(feature = "serde")]
mod redaction;

pub(crate) use decimal::Decimal;
#[cfg(feature = "serde")]
pub(crate) use redaction::Redaction;

/// The members of a JSON object that this version does not know, by name. They are kept and passed on.
#[cfg(feature = "serde")]
pub(crate) type OtherFields = alloc::collections::BTreeMap<alloc::string::String, serde_json::Value>;

/// Does the same as `str::split_once` for an ASCII character. It has a fifth of the code, and is faster if the
/// character is near the start.
#[inline]
pub(crate) fn split_at_byte(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = text.bytes().position(|b| b == byte)?;
    Some((text.get(..at)?, text.get(at.saturating_add(1)..)?))
}

/// Returns the offset of the first control character (`Cc`: C0, DEL, C1).
pub(crate) fn control_character(text: &str) -> Option<usize> {
    if is_printable_ascii(text) { None } else { find_control_character(text) }
}

/// Returns true if the text is printable ASCII, as most texts are. It has no branches, so that the compiler vectorizes
/// it.
pub(crate) fn is_printable_ascii(text: &str) -> bool {
    text.bytes().fold(true, |all, byte| all & matches!(byte, b' '..=b'~'))
}

#[cold]
fn find_control_character(text: &str) -> Option<usize> {
    // Only C1 characters have two bytes: C2, then 80 to 9F.
    let mut before = 0;
    let found = text.bytes().position(|byte| {
        let is_control = byte < 0x20 || byte == 0x7f || (before == 0xc2 && byte < 0xa0);
        before = byte;
        is_control
    })?;
    Some(if text.is_char_boundary(found) { found } else { found.saturating_sub(1) })
}

/// Returns true if a JSON string has the byte as it is, without an escape.
pub(crate) const fn is_plain(byte: u8) -> bool {
    !matches!(byte, b'"' | b'\\' | ..=0x1f)
}

#[cfg(test)]
mod tests {
    extern crate alloc;

    use alloc::string::String;

    use super::control_character;

    #[test]
    fn control_character_matches_unicode() {
        for c in '\0'..='\u{3000}' {
            let text: String = ['é', c, 'x', '\u{85}'].iter().collect();
            let first = text.char_indices().find(|(_, c)| c.is_control()).map(|(at, _)| at);
            assert_eq!(control_character(&text), first, "{c:?}");
        }
        assert_eq!(control_character("plain"), None);
    }
}
