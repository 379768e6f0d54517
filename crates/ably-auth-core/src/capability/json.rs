//! The JSON of capabilities, read without a heap, and checks of it.

use super::operation::OperationName;
use super::resource::{self, Pattern};
use crate::error::{Error, ErrorKind};
use crate::text::json_reader::{JsonString, Reader};

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
    let mut reader = CapabilityReader::new(text);
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

fn list_contains(reader: &mut CapabilityReader<'_>, operation: OperationName<'_>) -> Result<bool, Error> {
    reader.begin_operations()?;
    let (mut is_first, mut contains) = (true, false);
    while let Some(name) = reader.operation(is_first)? {
        is_first = false;
        contains |= [operation, OperationName::All].iter().any(|of| name.is(of.as_str()));
    }
    Ok(contains)
}

/// Refuses a resource that occurs earlier in the text.
fn check_is_new(text: &str, known: &JsonString<'_>) -> Result<(), Error> {
    let mut reader = CapabilityReader::new(text);
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

/// A reader of capabilities.
pub(super) struct CapabilityReader<'a>(Reader<'a>);

impl<'a> CapabilityReader<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self(Reader::new(text))
    }

    #[cfg(feature = "alloc")]
    pub(super) const fn offset(&self) -> usize {
        self.0.offset()
    }

    /// Returns the text from the offset `start` to the next byte.
    #[cfg(feature = "alloc")]
    pub(super) fn since(&self, start: usize) -> &'a str {
        self.0.since(start)
    }

    /// Skips `text` if it is next.
    #[cfg(feature = "alloc")]
    pub(super) fn skip(&mut self, text: &str) -> bool {
        self.0.skip(text)
    }

    fn bad(&self, problem: &'static str) -> Error {
        bad(problem, self.0.offset())
    }

    fn expect(&mut self, wanted: u8, problem: &'static str) -> Result<(), Error> {
        if self.0.take(wanted) { Ok(()) } else { Err(self.bad(problem)) }
    }

    /// Reads the `{` of the object.
    pub(super) fn begin(&mut self) -> Result<(), Error> {
        self.expect(b'{', "capability does not begin with `{`")
    }

    /// Reads the name of the next resource. Returns `None` at the end of the object, after which no text may follow.
    pub(super) fn resource(&mut self, is_first: bool) -> Result<Option<JsonString<'a>>, Error> {
        if !self.has_next(b'}', is_first, "expected `,` or `}` after a list of operations")? {
            return match self.0.peek() {
                None => Ok(None),
                Some(_) => Err(self.bad("unexpected text after the capability's `}`")),
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
        if self.0.take(end) {
            return Ok(false);
        }
        if !is_first {
            self.expect(b',', problem)?;
        }
        Ok(true)
    }

    fn string(&mut self, absent: &'static str) -> Result<JsonString<'a>, Error> {
        if !self.0.take(b'"') {
            let advice = "write it as a JSON string, in double quotes";
            return Err(Error::new(ErrorKind::Capability, absent, advice).at(self.0.offset()));
        }
        self.0.string().map_err(|problem| self.bad(problem))
    }
}
