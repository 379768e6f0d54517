//! A channel name as a request gives it: in a path, in a batch, or on a connection.

use std::borrow::Cow;

use ably_auth_core::ErrorCode;

use crate::refusal::Refusal;

/// The maximum length of a channel name, in bytes.
pub(crate) const MAX_CHANNEL_NAME: usize = 2_048;

/// A channel name without the optional qualifier in brackets before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChannelName<'a> {
    pub(crate) name: Cow<'a, str>,
    /// True if the qualifier filters the messages that are read.
    pub(crate) is_filtered: bool,
}

impl<'a> ChannelName<'a> {
    /// Parses a name, which is percent-decoded if it is from a path.
    pub(crate) fn parse(segment: Cow<'a, str>) -> Result<Self, Refusal> {
        let qualifier = segment.strip_prefix('[').map(|rest| rest.split_once(']'));
        let (start, is_filtered) = match qualifier {
            None => (0, false),
            Some(Some((qualifier, _))) => (qualifier.len().saturating_add(2), is_filter(qualifier)?),
            Some(None) => return Err(invalid("the qualifier has no `]`", "use a name that does not begin with `[`")),
        };
        let name = match segment {
            Cow::Borrowed(text) => Cow::Borrowed(text.get(start..).unwrap_or_default()),
            Cow::Owned(text) => Cow::Owned(text.get(start..).unwrap_or_default().to_owned()),
        };
        check(&name)?;
        Ok(Self { name, is_filtered })
    }
}

/// Returns whether a qualifier has a filter. `?rewind=1` has only parameters; `filter=…` is a filter, perhaps with
/// parameters.
fn is_filter(qualifier: &str) -> Result<bool, Refusal> {
    let is_filter = qualifier.starts_with("filter=");
    if is_filter || qualifier.starts_with('?') {
        return Ok(is_filter);
    }
    Err(invalid("the qualifier in brackets is unknown", "use `[?rewind=1]name`, `[filter=…]name` or the name alone"))
}

/// Refuses a text that is not a valid channel name.
fn check(name: &str) -> Result<(), Refusal> {
    let is_line_break = |c: char| matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}');
    if name.len() > MAX_CHANNEL_NAME {
        return Err(invalid(&format!("it is longer than {MAX_CHANNEL_NAME} bytes"), "use a shorter name"));
    }
    if name.contains(is_line_break) {
        return Err(invalid("it contains a line break", "use a name without line breaks"));
    }
    if name.trim().is_empty() {
        return Err(invalid("it is blank", "name a channel"));
    }
    match name.chars().next() {
        Some('[') => Err(invalid("it begins with `[`", "use a name that does not, after at most one qualifier")),
        Some(':') => Err(invalid("it begins with `:`", "use a name that does not")),
        _ => Ok(()),
    }
}

fn invalid(problem: &str, advice: &str) -> Refusal {
    Refusal::new(ErrorCode::INVALID_CHANNEL_NAME, format!("invalid channel name: {problem}; {advice}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(segment: &str) -> Result<(String, bool), u32> {
        let read = |text: Cow<'_, str>| ChannelName::parse(text).map(|read| (read.name.into_owned(), read.is_filtered));
        let results = [read(Cow::Borrowed(segment)), read(Cow::Owned(segment.to_owned()))];
        let [borrowed, owned] = results.map(|result| result.map_err(|refusal| refusal.info().code().as_u32()));
        assert_eq!(borrowed, owned);
        borrowed
    }

    #[test]
    fn qualifier_is_not_part_of_name() {
        for (segment, name, is_filtered) in [
            ("chat", "chat", false),
            ("a]b[c", "a]b[c", false),
            (" a b ", " a b ", false),
            ("[?rewind=1]chat", "chat", false),
            ("[?]chat:a", "chat:a", false),
            ("[?delta=vcdiff&rewind=2m]ä/ö", "ä/ö", false),
            ("[filter=aGVhZGVycy5hPT0x]chat", "chat", true),
            ("[filter=YQ==?rewind=1]chat:[x]", "chat:[x]", true),
        ] {
            assert_eq!(read(segment), Ok((name.to_owned(), is_filtered)), "{segment}");
        }
    }

    #[test]
    fn invalid_channel_name_is_refused() {
        let blank = ["", " ", "\t", "\u{a0}", "[?rewind=1]", "[filter=x] "];
        let breaks = ["a\nb", "a\r", "\na", "a\u{2028}b", "a\u{85}", "[?rewind=1]a\n"];
        let starts = [":x", ":", "[?rewind=1]:x", "[?a][?b]x", "[filter=x][x"];
        let unknown = ["[meta]log", "[queue]q", "[*]x", "[]x", "[filter]x", "[x?rewind=1]a", "[rewind=1]a", "[", "[?a"];
        for segment in blank.iter().chain(&breaks).chain(&starts).chain(&unknown) {
            assert_eq!(read(segment), Err(40010), "{segment:?}");
        }
    }

    #[test]
    fn long_channel_name_is_refused() {
        let name = "a".repeat(MAX_CHANNEL_NAME);
        assert!(read(&name).is_ok() && read(&format!("[?rewind=1]{name}")).is_ok());
        assert_eq!(read(&format!("{name}a")), Err(40010));
    }
}
