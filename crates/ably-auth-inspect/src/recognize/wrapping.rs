//! Removal of what often surrounds a pasted credential: white space, quotes, a header, and a URL.

use std::borrow::Cow;

/// The maximum number of layers around a credential, such as quotes around a header with a quoted token.
const MAX_LAYERS: usize = 4;

const QUOTES: &[char] =
    &['"', '\'', '`', '\u{201c}', '\u{201d}', '\u{201e}', '\u{2018}', '\u{2019}', '\u{ab}', '\u{bb}'];

/// The header, or the other place, that a credential was found in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Basic,
    Bearer,
    /// The query of a URL.
    Query,
}

/// A credential without what surrounded it.
pub(super) struct Unwrapped<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) scheme: Option<Scheme>,
    pub(super) problems: Vec<String>,
}

/// Removes white space, quotes and a header from around a credential.
pub(super) fn unwrap(text: &str) -> Unwrapped<'_> {
    let (mut text, mut scheme, mut is_quoted) = (Cow::Borrowed(trim(text)), None, false);
    for _ in 0..MAX_LAYERS {
        if let Some(inner) = json_string(&text) {
            text = trim(&inner).to_owned().into();
            is_quoted = true;
        } else if let Some(inner) = text.strip_prefix(QUOTES).and_then(|rest| rest.strip_suffix(QUOTES)) {
            text = trim(inner).to_owned().into();
            is_quoted = true;
        } else if let Some((found, rest)) = header(&text) {
            scheme = scheme.or(found);
            text = trim(rest).to_owned().into();
        } else if let Some(value) = query(&text) {
            scheme = scheme.or(Some(Scheme::Query));
            text = trim(&value).to_owned().into();
        } else {
            break;
        }
    }
    let mut problems = Vec::new();
    if is_quoted {
        problems.push("it was given in quotes; a request must have it without them".into());
    }
    Unwrapped { text, scheme, problems }
}

fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
}

/// Returns the text of a JSON string, in which quotes are escaped.
fn json_string(text: &str) -> Option<String> {
    text.starts_with('"').then(|| serde_json::from_str(text).ok()).flatten()
}

/// Returns the scheme and the text after `Authorization:`, `Bearer` or `Basic`, in any case.
fn header(text: &str) -> Option<(Option<Scheme>, &str)> {
    let after = |start: &str| {
        let (head, rest) = text.split_at_checked(start.len())?;
        head.eq_ignore_ascii_case(start).then_some(rest)
    };
    if let Some(rest) = after("authorization:") {
        return Some((None, rest));
    }
    let schemes = [("bearer", Scheme::Bearer), ("basic", Scheme::Basic)];
    let found = schemes.into_iter().find_map(|(name, scheme)| Some((scheme, after(name)?)));
    found.filter(|(_, rest)| rest.starts_with(char::is_whitespace)).map(|(scheme, rest)| (Some(scheme), rest))
}

/// Returns the value of the parameter of a URL that has a key or a token. Percent encoding is removed.
fn query(text: &str) -> Option<String> {
    let (_, query) = text.split_once('?')?;
    let query = query.split(|c: char| c == '#' || c.is_whitespace()).next().unwrap_or_default();
    let mut params = query.split('&').filter_map(|param| param.split_once('='));
    let (_, value) = params.find(|(name, _)| ["key", "accessToken", "access_token"].contains(name))?;
    Some(percent_decoded(value))
}

/// Replaces `%XX` by its byte. Anything else stays as it is.
fn percent_decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.split_at_checked(2).and_then(|(hex, rest)| Some((u8::from_str_radix(hex, 16).ok()?, rest))) {
            Some((byte, rest)) => {
                bytes.push(byte);
                bytes.extend_from_slice(rest.as_bytes());
            }
            None => {
                bytes.push(b'%');
                bytes.extend_from_slice(part.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Removes the characters that a header cannot carry, and describes the first one.
pub(super) fn without_invalid(text: &str) -> Option<(String, String)> {
    let is_invalid = |c: char| !c.is_ascii_graphic();
    let (at, first) = text.char_indices().find(|(_, c)| is_invalid(*c))?;
    let name = match first {
        ' ' => "a space".into(),
        '\n' | '\r' => "a line break".into(),
        c => format!("the character U+{:04X}", u32::from(c)),
    };
    let problem = format!("it has {name} (byte {at}), which a header cannot carry; remove it");
    Some((text.chars().filter(|c| !is_invalid(*c)).collect(), problem))
}
