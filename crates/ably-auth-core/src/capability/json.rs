//! The JSON of capabilities, read without a heap, and checks of it.

use core::str::Chars;

use super::operation::OperationName;
use super::resource::{self, Pattern};
use crate::error::{Error, ErrorKind};

const FORM: &str = "a capability has the form `{\"channel\":[\"operation\"]}`";

pub(super) const fn bad(problem: &'static str, at: usize) -> Error {
    Error::new(ErrorKind::Capability, problem, FORM).at(at)
}

pub(super) fn repeated_resource(at: usize) -> Error {
    let advice = "name each resource once, with all of its operations";
    Error::new(ErrorKind::Capability, "repeated resource", advice).at(at)
}

/// Returns true if the capability in `text` permits the operation on the resource.
///
/// **Law:** for every text, the result is the same as that of `Capability::parse_lenient(text)?.permits(resource,
/// operation)`, and it is an error for the same texts.
///
/// It allocates nothing, and reads canonical text once. For each resource that is out of byte order, it searches the
/// text before it for a duplicate, so limit the length of untrusted text.
///
/// ```
/// use ably_auth_core::capability::text_permits;
///
/// let text = r#"{"sensors:*":["publish"]}"#;
/// assert!(text_permits(text, "sensors:attic", "publish")?);
/// assert!(!text_permits(text, "sensors", "publish")?);
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::Capability`], with the byte offset, if the text is not a JSON object of lists of strings, or if a
/// resource is repeated or malformed.
pub fn text_permits<'a>(text: &str, resource: &str, operation: impl Into<OperationName<'a>>) -> Result<bool, Error> {
    let (asked, operation) = (Pattern::of(resource), operation.into());
    let mut reader = Reader::new(text);
    let mut greatest: Option<JsonString<'_>> = None;
    let mut permitted = false;
    reader.begin()?;
    while let Some(known) = reader.resource(greatest.is_none())? {
        if let Some(problem) = resource::problem(known.chars()) {
            return Err(Error::new(ErrorKind::Capability, problem, resource::FORM).at(known.at));
        }
        if greatest.is_some_and(|greatest| known.chars().le(greatest.chars())) {
            check_is_new(text, &known)?;
        } else {
            greatest = Some(known);
        }
        let is_listed = list_contains(&mut reader, operation)?;
        permitted |= is_listed && asked.is_some_and(|asked| resource::text_covers(known.chars(), asked));
    }
    Ok(permitted)
}

fn list_contains(reader: &mut Reader<'_>, operation: OperationName<'_>) -> Result<bool, Error> {
    reader.begin_operations()?;
    let (mut is_first, mut contains) = (true, false);
    while let Some(name) = reader.operation(is_first)? {
        is_first = false;
        contains |= [operation, OperationName::All].iter().any(|of| name.chars().eq(of.as_str().chars()));
    }
    Ok(contains)
}

/// Refuses a resource that occurs earlier in the text.
fn check_is_new(text: &str, known: &JsonString<'_>) -> Result<(), Error> {
    let mut reader = Reader::new(text);
    reader.begin()?;
    let mut is_first = true;
    while let Some(earlier) = reader.resource(is_first)? {
        is_first = false;
        if earlier.at >= known.at {
            break;
        }
        if earlier.chars().eq(known.chars()) {
            return Err(repeated_resource(known.at));
        }
        list_contains(&mut reader, OperationName::All)?;
    }
    Ok(())
}

/// A reader that keeps its position in the text.
#[derive(Clone)]
pub(super) struct Reader<'a> {
    text: &'a str,
    /// The byte offset of the next byte to read.
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    #[cfg(feature = "alloc")]
    pub(super) const fn offset(&self) -> usize {
        self.at
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn advance(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    fn peek(&mut self) -> Option<u8> {
        let white = self.rest().bytes().take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.advance(white);
        self.rest().bytes().next()
    }

    fn take(&mut self, wanted: u8) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.advance(1);
        }
        found
    }

    fn expect(&mut self, wanted: u8, problem: &'static str) -> Result<(), Error> {
        if self.take(wanted) { Ok(()) } else { Err(bad(problem, self.at)) }
    }

    /// Reads the `{` of the object.
    pub(super) fn begin(&mut self) -> Result<(), Error> {
        self.expect(b'{', "capability does not begin with `{`")
    }

    /// Reads the name of the next resource. Returns `None` at the end of the object, after which no text may follow.
    pub(super) fn resource(&mut self, is_first: bool) -> Result<Option<JsonString<'a>>, Error> {
        if !self.has_next(b'}', is_first, "expected `,` or `}` after a list of operations")? {
            return match self.peek() {
                None => Ok(None),
                Some(_) => Err(bad("unexpected text after the capability's `}`", self.at)),
            };
        }
        let name = self.string("expected the name of a resource")?;
        self.expect(b':', "expected `:` after the name of a resource")?;
        Ok(Some(name))
    }

    /// Reads the `[` of a list of operations.
    pub(super) fn begin_operations(&mut self) -> Result<(), Error> {
        self.expect(b'[', "expected a list of operations (`[`)")
    }

    /// Reads the name of the next operation. Returns `None` at the end of the list.
    pub(super) fn operation(&mut self, is_first: bool) -> Result<Option<JsonString<'a>>, Error> {
        if !self.has_next(b']', is_first, "expected `,` or `]` after the name of an operation")? {
            return Ok(None);
        }
        self.string("expected the name of an operation").map(Some)
    }

    /// Returns true if another element follows before the end.
    fn has_next(&mut self, end: u8, is_first: bool, problem: &'static str) -> Result<bool, Error> {
        if self.take(end) {
            return Ok(false);
        }
        if !is_first {
            self.expect(b',', problem)?;
        }
        Ok(true)
    }

    fn string(&mut self, absent: &'static str) -> Result<JsonString<'a>, Error> {
        if !self.take(b'"') {
            let advice = "write it as a JSON string, in double quotes";
            return Err(Error::new(ErrorKind::Capability, absent, advice).at(self.at));
        }
        let start = self.at;
        loop {
            let rest = self.rest();
            let Some(plain) = rest.bytes().position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f)) else {
                return Err(bad("a string has no closing quote", self.text.len()));
            };
            self.advance(plain);
            match rest.as_bytes().get(plain) {
                Some(b'"') => break,
                Some(b'\\') => {
                    let escape = unescape(self.rest()).map_err(|problem| bad(problem, self.at))?;
                    self.advance(escape.bytes);
                }
                _ => return Err(bad("a string has a control character that is not escaped", self.at)),
            }
        }
        let raw = self.text.get(start..self.at).unwrap_or_default();
        self.advance(1);
        Ok(JsonString { raw, at: start })
    }
}

/// A well-formed JSON string, not yet decoded.
#[derive(Clone, Copy)]
pub(super) struct JsonString<'a> {
    raw: &'a str,
    /// The byte offset of its content.
    pub(super) at: usize,
}

impl<'a> JsonString<'a> {
    /// Returns the text if it has no escapes.
    #[cfg(feature = "alloc")]
    pub(super) fn as_plain(&self) -> Option<&'a str> {
        (!self.raw.contains('\\')).then_some(self.raw)
    }

    /// Returns the decoded characters.
    pub(super) fn chars(&self) -> Decoded<'a> {
        Decoded(self.raw.chars())
    }
}

/// An iterator that decodes escapes.
#[derive(Clone)]
pub(super) struct Decoded<'a>(Chars<'a>);

impl Iterator for Decoded<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let rest = self.0.as_str();
        if !rest.starts_with('\\') {
            return self.0.next();
        }
        // The reader has checked every escape, so this one is valid.
        let escape = unescape(rest).ok()?;
        self.0 = rest.get(escape.bytes..).unwrap_or_default().chars();
        Some(escape.char)
    }
}

struct Escape {
    char: char,
    bytes: usize,
}

/// Reads the escape at the start of `text`.
fn unescape(text: &str) -> Result<Escape, &'static str> {
    let char = match text.as_bytes().get(1) {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unescape_unicode(text),
        _ => return Err("a string has an invalid escape"),
    };
    Ok(Escape { char, bytes: 2 })
}

/// Reads `\u` and four digits, or two of these for a surrogate pair.
fn unescape_unicode(text: &str) -> Result<Escape, &'static str> {
    const HALF: &str = "a string has half of a surrogate pair";
    let first = code_unit(text)?;
    if let Some(char) = char::from_u32(first) {
        return Ok(Escape { char, bytes: 6 });
    }
    let second = text.get(6..).filter(|rest| rest.starts_with("\\u")).ok_or(HALF)?;
    let second = code_unit(second)?;
    match (first, second) {
        (0xd800..0xdc00, 0xdc00..0xe000) => {
            let above_the_first_plane = ((first & 0x3ff) << 10) | (second & 0x3ff);
            let char = char::from_u32(above_the_first_plane.saturating_add(0x1_0000));
            char.map(|char| Escape { char, bytes: 12 }).ok_or(HALF)
        }
        _ => Err(HALF),
    }
}

fn code_unit(text: &str) -> Result<u32, &'static str> {
    let digits = text.get(2..6).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).ok_or("expected four hexadecimal digits after `\\u`")
}
