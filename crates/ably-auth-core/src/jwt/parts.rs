//! A JWT's parts, out of base64url.

use alloc::vec::Vec;

use super::json::Fault;
use super::{MAX_BYTES, base64url, invalid};
use crate::error::Error;

pub(super) const FORM: &str = "a JWT reads `header.payload.signature`, each in base64url without padding";
pub(super) const SIGNATURE_BYTES: usize = 32;
/// As much as most parts have: no heap is used for them.
const FEW_BYTES: usize = 512;

/// Refuses what is longer than a token may be, before anything is done that takes the longer the longer it is.
pub(super) fn check_len(text: &str) -> Result<(), Error> {
    if text.len() > MAX_BYTES {
        return Err(invalid("JWT is longer than 128 KiB", "pass on the token exactly as it was issued"));
    }
    Ok(())
}

/// Refuses a part, which begins at that offset, that is not base64url as it should be, and does not decode it yet.
pub(super) fn check(part: &str, start: usize) -> Result<(), Error> {
    base64url::check(part).map_err(|fault| name_fault(fault, part, start))
}

/// Reads the JSON of a part, which begins at that offset.
#[inline]
pub(super) fn read_json<T>(
    part: &str,
    start: usize,
    not_utf8: &'static str,
    read: impl FnOnce(&str) -> Result<T, Error>,
) -> Result<T, Error> {
    let needed = base64url::decoded_len(part.len());
    let (mut few, mut many) = ([0; FEW_BYTES], Vec::new());
    let room = if needed <= FEW_BYTES {
        &mut few[..]
    } else {
        many.resize(needed, 0);
        &mut many
    };
    let len = decode(part, start, room)?;
    let json = core::str::from_utf8(room.get(..len).unwrap_or_default());
    read(json.map_err(|_| invalid(not_utf8, "write a header and a payload as JSON in UTF-8"))?)
}

/// The signature, which begins at that offset.
pub(super) fn signature(part: &str, start: usize) -> Result<[u8; SIGNATURE_BYTES], Error> {
    let wrong_len = || invalid("JWT's signature is not of 32 bytes", "sign the JWT with HS256").at(start);
    // Long enough for a signature with a few surplus characters, so that they are named for what they are.
    let mut room = [0; 48];
    if part.is_empty() {
        return Err(invalid("JWT has an empty signature", "sign the JWT with HS256").at(start));
    }
    if part.len() > 64 {
        return Err(wrong_len());
    }
    let len = decode(part, start, &mut room)?;
    match room.split_first_chunk() {
        Some((signature, _)) if len == SIGNATURE_BYTES => Ok(*signature),
        _ => Err(wrong_len()),
    }
}

fn decode(part: &str, start: usize, room: &mut [u8]) -> Result<usize, Error> {
    base64url::decode(part, room).map_err(|fault| name_fault(fault, part, start))
}

#[cold]
fn name_fault(fault: base64url::Fault, part: &str, start: usize) -> Error {
    match fault {
        base64url::Fault::Foreign => {
            let (at, byte) =
                part.bytes().enumerate().find(|(_, byte)| base64url::is_foreign(*byte)).unwrap_or_default();
            let problem = match byte {
                b'=' => "JWT has padding",
                b'+' | b'/' => "JWT has a character of base64 that is none of base64url",
                byte if byte.is_ascii_whitespace() => "JWT has white space",
                _ => "JWT has a character that is none of base64url",
            };
            invalid(problem, FORM).at(start.saturating_add(at))
        }
        base64url::Fault::Surplus => {
            let end = start.saturating_add(part.len()).saturating_sub(1);
            invalid("JWT has a part whose last character says more than belongs to it", FORM).at(end)
        }
        base64url::Fault::Length => invalid("JWT has a part of a length that base64url never has", FORM).at(start),
    }
}

/// What is wrong with a header's JSON.
#[cold]
pub(super) fn header_fault(fault: Fault) -> Error {
    match fault {
        Fault::Malformed => invalid("JWT's header is not a JSON object", FORM),
        Fault::TooDeep => invalid("JWT's header is nested more than 32 deep", "put less into the header"),
    }
}

/// What is wrong with a payload's JSON.
#[cold]
pub(super) fn payload_fault(fault: Fault) -> Error {
    match fault {
        Fault::Malformed => invalid("JWT's payload is not a JSON object", FORM),
        Fault::TooDeep => invalid("JWT's payload is nested more than 32 deep", "nest claims less deeply"),
    }
}
