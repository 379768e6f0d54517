//! Checks of a capability's text without a heap.

use super::json::{JsonString, Reader, repeated_resource};
use super::operation::OperationName;
use super::pattern::{self, Pattern};
use crate::error::{Error, ErrorKind};

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
        if let Some(problem) = pattern::problem(known.chars()) {
            return Err(Error::new(ErrorKind::Capability, problem, pattern::FORM).at(known.at));
        }
        if greatest.is_some_and(|greatest| known.chars().le(greatest.chars())) {
            check_is_new(text, &known)?;
        } else {
            greatest = Some(known);
        }
        let is_listed = list_contains(&mut reader, operation)?;
        permitted |= is_listed && asked.is_some_and(|asked| pattern::text_covers(known.chars(), asked));
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
