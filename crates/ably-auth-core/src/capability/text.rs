//! Capabilities as JSON text: an object whose values are lists of strings.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;

use super::Capability;
use super::entries::Entry;
use super::json::{CapabilityReader, bad, repeated_resource};
use super::operation::{OperationName, Operations};
use super::resource::Resource;
use crate::error::{Error, ErrorKind};
use crate::text::json_writer::{BufferedWriter, Json};

const OPERATIONS: &str = "operations are `publish`, `subscribe`, `presence`, `history` and so on, or `*` for all";

/// The strictness of the parser.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// For issuers: refuses what the service would refuse.
    Strict,
    /// For holders of tokens: keeps operations and kinds of resources that only a newer service knows.
    Lenient,
}

impl Capability {
    /// Parses the JSON text as an issuer does. It refuses what the service would refuse in a request.
    ///
    /// [`FromStr`](core::str::FromStr) does the same.
    ///
    /// ```
    /// use ably_auth_core::Capability;
    ///
    /// let capability = Capability::parse_strict(r#"{ "chat": ["subscribe", "publish"] }"#)?;
    /// assert_eq!(capability.to_string(), r#"{"chat":["publish","subscribe"]}"#);
    /// let error = Capability::parse_strict(r#"{"chat":["pubish"]}"#).unwrap_err();
    /// assert_eq!((error.resource(), error.offset()), (Some("chat"), Some(10)));
    /// # Ok::<(), ably_auth_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Capability`], with the byte offset and the resource, if the text is not a JSON object of lists of
    /// strings; if a resource is repeated, malformed or of an unknown kind; or if a list is empty, has an unknown
    /// operation, or has `*` together with other operations.
    pub fn parse_strict(text: &str) -> Result<Self, Error> {
        parse(text, Mode::Strict)
    }

    /// Parses the JSON text as the holder of a token does. It keeps unknown operations and kinds of resources, because
    /// a newer service may know them. It omits a resource with an empty list, because that grants nothing. A `*`
    /// together with other operations becomes `*` only.
    ///
    /// ```
    /// use ably_auth_core::Capability;
    ///
    /// let text = r#"{"chat":["publish","teleport"]}"#;
    /// assert!(Capability::parse_strict(text).is_err());
    /// assert_eq!(Capability::parse_lenient(text)?.to_string(), text);
    /// # Ok::<(), ably_auth_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Capability`], with the byte offset, if the text is not a JSON object of lists of strings, or if a
    /// resource is repeated or malformed.
    pub fn parse_lenient(text: &str) -> Result<Self, Error> {
        parse(text, Mode::Lenient)
    }
}

/// Writes the canonical text: no white space, resources and operations in byte order, only the escapes that JSON
/// requires.
///
/// **Law:** parsing it gives the same capability, and equal capabilities give equal text.
impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut json = BufferedWriter::new(f);
        json.raw(b"{");
        for (at, Entry { resource, operations }) in self.iter().enumerate() {
            if at > 0 {
                json.raw(b",");
            }
            json.text(resource.as_str());
            json.raw(b":");
            operations.write(&mut json);
        }
        json.raw(b"}");
        json.finish()
    }
}

impl fmt::Debug for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Capability({self})")
    }
}

impl core::str::FromStr for Capability {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse_strict(text)
    }
}

crate::text::conversions::try_from_text!(Capability);

impl From<&Capability> for String {
    fn from(capability: &Capability) -> Self {
        capability.to_string()
    }
}

fn parse(text: &str, mode: Mode) -> Result<Capability, Error> {
    let mut reader = CapabilityReader::new(text);
    let mut entries: Vec<(usize, Resource, Operations)> = Vec::new();
    let mut lists = Lists(Vec::new());
    let mut is_sorted = true;
    reader.begin()?;
    while let Some(name) = reader.resource(entries.is_empty())? {
        let resource = match mode {
            Mode::Strict => Resource::parse_strict(&name.decode()),
            Mode::Lenient => Resource::parse_lenient(&name.decode()),
        }
        .map_err(|error| error.at(name.at))?;
        let operations = lists.read(&mut reader, mode).map_err(|error| error.resource_name(resource.as_str()))?;
        is_sorted = is_sorted && entries.last().is_none_or(|(_, last, _)| *last < resource);
        entries.push((name.at, resource, operations));
    }
    if !is_sorted {
        entries.sort_unstable_by(|a, b| a.1.cmp(&b.1).then(a.0.cmp(&b.0)));
        let repeated = entries.iter().zip(entries.iter().skip(1)).find(|(a, b)| a.1 == b.1);
        if let Some((_, (at, resource, _))) = repeated {
            return Err(repeated_resource(*at).input(resource.as_str()));
        }
    }
    let granting = entries.into_iter().filter(|(_, _, operations)| !operations.is_empty());
    Ok(Capability { entries: granting.map(|(_, resource, operations)| (resource, operations)).collect() })
}

/// Lists of operations by their text, in the order in which they were read. Most capabilities repeat a few lists, and
/// comparing a list takes a tenth of the time of reading it.
struct Lists<'a>(Vec<(&'a str, Operations)>);

impl<'a> Lists<'a> {
    /// The maximum number of lists that are kept, so that a capability without repeated lists is not much slower.
    const MAX: usize = 4;

    fn read(&mut self, reader: &mut CapabilityReader<'a>, mode: Mode) -> Result<Operations, Error> {
        if let Some((_, known)) = self.0.iter().find(|(text, _)| reader.skip(text)) {
            return Ok(known.clone());
        }
        let start = reader.offset();
        let read = operations(reader, mode)?;
        if self.0.len() < Self::MAX {
            self.0.push((reader.since(start), read.clone()));
        }
        Ok(read)
    }
}

fn operations(reader: &mut CapabilityReader<'_>, mode: Mode) -> Result<Operations, Error> {
    reader.begin_operations()?;
    let start = reader.offset();
    let mut operations = Operations::NONE;
    let mut named = 0_usize;
    let mut wildcard = None;
    while let Some(name) = reader.operation(named == 0)? {
        named = named.saturating_add(1);
        let text = name.decode();
        let operation = OperationName::from(&*text);
        match operation {
            OperationName::Other(_) if mode == Mode::Strict => {
                return Err(Error::new(ErrorKind::Capability, "unknown operation", OPERATIONS)
                    .input(&text)
                    .at(name.at));
            }
            OperationName::All => wildcard = Some(name.at),
            _ => {}
        }
        operations.push(operation);
    }
    operations.sort();
    match (mode, named, wildcard) {
        (Mode::Lenient, _, _) | (_, 1, _) => Ok(operations),
        (_, 0, _) => Err(bad("list of operations is empty", start)),
        (_, _, None) => Ok(operations),
        (_, _, Some(at)) => {
            let advice = "name `*` alone, or the operations without it";
            Err(Error::new(ErrorKind::Capability, "`*` is listed with other operations", advice).at(at))
        }
    }
}
