//! Capabilities as JSON text: an object of lists of strings, and nothing else.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::Capability;
use super::operation::{OperationName, Operations};
use super::resource::Resource;
use crate::error::{Error, ErrorKind};

const FORM: &str = "a capability reads `{\"channel\":[\"operation\"]}`";
const OPERATIONS: &str = "operations are `publish`, `subscribe`, `presence`, `history` and so on, or `*` for all";

/// For whom the text is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// An issuer, who refuses what the service would.
    Strict,
    /// A holder, who keeps what a newer service may have meant.
    Lenient,
}

pub(super) fn parse(text: &str, mode: Mode) -> Result<Capability, Error> {
    let mut reader = Reader { text, at: 0 };
    let mut entries: Vec<(usize, Resource, Operations)> = Vec::new();
    reader.expect(b'{', "capability does not begin with `{`")?;
    if !reader.take(b'}') {
        loop {
            let (at, name) = reader.string("no name of a resource stands here")?;
            let resource = match mode {
                Mode::Strict => Resource::parse_strict(&name),
                Mode::Lenient => Resource::parse_lenient(&name),
            }
            .map_err(|error| error.at(at))?;
            reader.expect(b':', "no `:` follows a resource's name")?;
            let operations = operations(&mut reader, mode).map_err(|error| error.resource_name(resource.as_str()))?;
            entries.push((at, resource, operations));
            if !reader.take(b',') {
                break;
            }
        }
        reader.expect(b'}', "neither `,` nor `}` follows a list of operations")?;
    }
    reader.end()?;
    entries.sort_unstable_by(|a, b| a.1.cmp(&b.1).then(a.0.cmp(&b.0)));
    let repeated = entries.iter().zip(entries.iter().skip(1)).find(|(a, b)| a.1 == b.1);
    if let Some((_, (at, resource, _))) = repeated {
        let advice = "name each resource once, with all of its operations";
        return Err(Error::new(ErrorKind::Capability, "repeated resource", advice).input(resource.as_str()).at(*at));
    }
    let granting = entries.into_iter().filter(|(_, _, operations)| !operations.is_empty());
    Ok(Capability { entries: granting.map(|(_, resource, operations)| (resource, operations)).collect() })
}

fn operations(reader: &mut Reader<'_>, mode: Mode) -> Result<Operations, Error> {
    let mut operations = Operations::NONE;
    let mut named = 0_usize;
    let mut wildcard = None;
    reader.expect(b'[', "no list of operations (`[`) stands here")?;
    let start = reader.at;
    if !reader.take(b']') {
        loop {
            let (at, name) = reader.string("no name of an operation stands here")?;
            named = named.saturating_add(1);
            match OperationName::from(&*name) {
                OperationName::Other(_) if mode == Mode::Strict => {
                    return Err(Error::new(ErrorKind::Capability, "unknown operation", OPERATIONS).input(&name).at(at));
                }
                OperationName::All => wildcard = Some(at),
                _ => {}
            }
            operations.insert(&*name);
            if !reader.take(b',') {
                break;
            }
        }
        reader.expect(b']', "neither `,` nor `]` follows an operation's name")?;
    }
    match (mode, named, wildcard) {
        (Mode::Lenient, _, _) | (_, 1, _) => Ok(operations),
        (_, 0, _) => Err(bad("list of operations is empty", start)),
        (_, _, None) => Ok(operations),
        (_, _, Some(at)) => {
            let advice = "name `*` alone, or the operations without it";
            Err(Error::new(ErrorKind::Capability, "`*` does not stand alone", advice).at(at))
        }
    }
}

fn bad(problem: &'static str, at: usize) -> Error {
    Error::new(ErrorKind::Capability, problem, FORM).at(at)
}

/// Reads the little of JSON that a capability consists of.
struct Reader<'a> {
    text: &'a str,
    /// The byte offset of what is read next.
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn advance(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    fn peek(&mut self) -> Option<u8> {
        let rest = self.rest();
        self.advance(rest.len().saturating_sub(rest.trim_start_matches([' ', '\t', '\n', '\r']).len()));
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

    fn end(&mut self) -> Result<(), Error> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(bad("something follows the capability's `}`", self.at)),
        }
    }

    /// Reads a string and gives where it begins and what it says.
    fn string(&mut self, absent: &'static str) -> Result<(usize, Cow<'a, str>), Error> {
        if !self.take(b'"') {
            let advice = "write it as a JSON string, in double quotes";
            return Err(Error::new(ErrorKind::Capability, absent, advice).at(self.at));
        }
        let start = self.at;
        let plain = self.plain_run()?;
        if self.rest().starts_with('"') {
            self.advance(1);
            return Ok((start, Cow::Borrowed(plain)));
        }
        let mut decoded = String::from(plain);
        while !self.rest().starts_with('"') {
            decoded.push(self.escape()?);
            decoded.push_str(self.plain_run()?);
        }
        self.advance(1);
        Ok((start, Cow::Owned(decoded)))
    }

    /// The characters up to the next quote or backslash.
    fn plain_run(&mut self) -> Result<&'a str, Error> {
        let rest = self.rest();
        let Some(end) = rest.bytes().position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f)) else {
            return Err(bad("a string does not end", self.text.len()));
        };
        self.advance(end);
        if self.rest().starts_with(['"', '\\']) {
            Ok(rest.get(..end).unwrap_or_default())
        } else {
            Err(bad("a string has a control character that is not escaped", self.at))
        }
    }

    fn escape(&mut self) -> Result<char, Error> {
        let at = self.at;
        let unknown = || bad("a string has an escape that JSON does not have", at);
        let mut chars = self.rest().chars().skip(1);
        let decoded = match chars.next().ok_or_else(unknown)? {
            plain @ ('"' | '\\' | '/') => plain,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => return self.unicode_escape(),
            _ => return Err(unknown()),
        };
        self.advance(2);
        Ok(decoded)
    }

    /// `\u` and four digits, twice where the first is half of a character.
    fn unicode_escape(&mut self) -> Result<char, Error> {
        let at = self.at;
        let first = self.code_unit()?;
        let second = if (0xd800..0xdc00).contains(&first) && self.rest().starts_with("\\u") {
            Some(self.code_unit()?)
        } else {
            None
        };
        match char::decode_utf16([Some(first), second].into_iter().flatten()).collect::<Result<Vec<_>, _>>().as_deref()
        {
            Ok([decoded]) => Ok(*decoded),
            _ => Err(bad("a string has half of a surrogate pair", at)),
        }
    }

    fn code_unit(&mut self) -> Result<u16, Error> {
        let digits = self.rest().get(2..6).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let unit = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok());
        let unit = unit.ok_or_else(|| bad("no four hexadecimal digits follow `\\u`", self.at))?;
        self.advance(6);
        Ok(unit)
    }
}

pub(super) fn write(capability: &Capability, out: &mut impl fmt::Write) -> fmt::Result {
    out.write_char('{')?;
    for (at, (resource, operations)) in capability.iter().enumerate() {
        if at > 0 {
            out.write_char(',')?;
        }
        write_string(resource.as_str(), out)?;
        out.write_char(':')?;
        write_operations(operations, out)?;
    }
    out.write_char('}')
}

pub(super) fn write_operations(operations: &Operations, out: &mut impl fmt::Write) -> fmt::Result {
    out.write_char('[')?;
    for (at, operation) in operations.iter().enumerate() {
        if at > 0 {
            out.write_char(',')?;
        }
        write_string(operation.as_str(), out)?;
    }
    out.write_char(']')
}

/// Writes a JSON string with no escape but those that JSON needs.
fn write_string(text: &str, out: &mut impl fmt::Write) -> fmt::Result {
    out.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            '\u{8}' => out.write_str("\\b")?,
            '\u{c}' => out.write_str("\\f")?,
            '\0'..='\x1f' => write!(out, "\\u{:04x}", u32::from(c))?,
            plain => out.write_char(plain)?,
        }
    }
    out.write_char('"')
}
