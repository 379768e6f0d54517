//! Capabilities as JSON text: an object whose values are lists of strings.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;

use super::Capability;
use super::json::{JsonString, Reader, bad};
use super::operation::OperationName;
use super::operations::Operations;
use super::resource::Resource;
use crate::error::{Error, ErrorKind};
use crate::json_text::{BufferedWriter, Json};

const OPERATIONS: &str = "operations are `publish`, `subscribe`, `presence`, `history` and so on, or `*` for all";

/// The strictness of the parser.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// For issuers: refuses what the service would refuse.
    Strict,
    /// For holders of tokens: keeps operations and kinds of resources that only a newer service knows.
    Lenient,
}

pub(super) fn parse(text: &str, mode: Mode) -> Result<Capability, Error> {
    let mut reader = Reader::new(text);
    let mut entries: Vec<(usize, Resource, Operations)> = Vec::new();
    reader.begin()?;
    while let Some(name) = reader.resource(entries.is_empty())? {
        let resource = match mode {
            Mode::Strict => Resource::parse_strict(&decode(&name)),
            Mode::Lenient => Resource::parse_lenient(&decode(&name)),
        }
        .map_err(|error| error.at(name.at))?;
        let operations = operations(&mut reader, mode).map_err(|error| error.resource_name(resource.as_str()))?;
        entries.push((name.at, resource, operations));
    }
    entries.sort_unstable_by(|a, b| a.1.cmp(&b.1).then(a.0.cmp(&b.0)));
    let repeated = entries.iter().zip(entries.iter().skip(1)).find(|(a, b)| a.1 == b.1);
    if let Some((_, (at, resource, _))) = repeated {
        return Err(super::repeated(*at).input(resource.as_str()));
    }
    let granting = entries.into_iter().filter(|(_, _, operations)| !operations.is_empty());
    Ok(Capability { entries: granting.map(|(_, resource, operations)| (resource, operations)).collect() })
}

fn operations(reader: &mut Reader<'_>, mode: Mode) -> Result<Operations, Error> {
    reader.begin_operations()?;
    let start = reader.offset();
    let mut operations = Operations::NONE;
    let mut named = 0_usize;
    let mut wildcard = None;
    while let Some(name) = reader.operation(named == 0)? {
        named = named.saturating_add(1);
        let text = decode(&name);
        match OperationName::from(&*text) {
            OperationName::Other(_) if mode == Mode::Strict => {
                return Err(Error::new(ErrorKind::Capability, "unknown operation", OPERATIONS)
                    .input(&text)
                    .at(name.at));
            }
            OperationName::All => wildcard = Some(name.at),
            _ => {}
        }
        operations.insert(&*text);
    }
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

fn decode<'a>(string: &JsonString<'a>) -> Cow<'a, str> {
    string.as_plain().map_or_else(|| Cow::Owned(string.chars().collect()), Cow::Borrowed)
}

pub(super) fn write(capability: &Capability, out: &mut impl fmt::Write) -> fmt::Result {
    let mut json = BufferedWriter::new(out);
    json.raw(b"{");
    for (at, (resource, operations)) in capability.iter().enumerate() {
        if at > 0 {
            json.raw(b",");
        }
        json.text(resource.as_str());
        json.raw(b":");
        list(operations, &mut json);
    }
    json.raw(b"}");
    json.finish()
}

pub(super) fn write_operations(operations: &Operations, out: &mut impl fmt::Write) -> fmt::Result {
    let mut json = BufferedWriter::new(out);
    list(operations, &mut json);
    json.finish()
}

fn list(operations: &Operations, json: &mut impl Json) {
    json.raw(b"[");
    for (at, operation) in operations.iter().enumerate() {
        if at > 0 {
            json.raw(b",");
        }
        json.text(operation.as_str());
    }
    json.raw(b"]");
}
