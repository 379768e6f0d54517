//! A JWT's parts, out of base64url.

use alloc::vec::Vec;

use super::encode::SIGNATURE_LEN;
use super::json::Fault;
use super::{MAX_BYTES, base64url, invalid, room};
use crate::error::Error;

pub(super) const FORM: &str = "a JWT reads `header.payload.signature`, each in base64url without padding";
pub(super) const SIGNATURE_BYTES: usize = 32;
const DOT_AND_SIGNATURE_LEN: usize = 1 + SIGNATURE_LEN;

/// Refuses what is longer than a token may be, before anything is done that takes the longer the longer it is.
pub(super) fn check_len(text: &str) -> Result<(), Error> {
    if text.len() > MAX_BYTES {
        return Err(invalid("JWT is longer than 128 KiB", "pass on the token exactly as it was issued"));
    }
    Ok(())
}

/// Reads the JSON of a part, which begins at that offset.
pub(super) fn read_json<T>(
    part: &str,
    start: usize,
    not_utf8: &'static str,
    read: impl FnOnce(&str) -> Result<T, Error>,
) -> Result<T, Error> {
    let decoded = decode(part).map_err(|fault| name_fault(fault, part, start))?;
    read(as_utf8(&decoded, not_utf8)?)
}

pub(super) fn as_utf8<'a>(json: &'a [u8], not_utf8: &'static str) -> Result<&'a str, Error> {
    core::str::from_utf8(json).map_err(|_| invalid(not_utf8, "write a header and a payload as JSON in UTF-8"))
}

fn decode(part: &str) -> Result<Vec<u8>, base64url::Fault> {
    let mut decoded = room(base64url::decoded_len(part.len()));
    base64url::decode(part, &mut decoded)?;
    Ok(decoded)
}

/// What a signed JWT has behind its header.
pub(super) struct Body<'a> {
    /// What the signature is over.
    pub(super) signed: &'a str,
    /// Decoded.
    pub(super) payload: Vec<u8>,
    pub(super) signature: [u8; SIGNATURE_BYTES],
}

impl<'a> Body<'a> {
    /// Takes apart the JWT whose payload begins at that offset.
    pub(super) fn parse(jwt: &'a str, start: usize) -> Result<Self, Error> {
        Self::of_right_form(jwt, start).ok_or_else(|| name_wrong_body(jwt.get(start..).unwrap_or_default(), start))
    }

    /// The last dot is where the length of a signature says: one before it would be no base64url.
    fn of_right_form(jwt: &'a str, start: usize) -> Option<Self> {
        let (signed, signature) = jwt.split_at_checked(jwt.len().checked_sub(DOT_AND_SIGNATURE_LEN)?)?;
        let payload = decode(signed.get(start..)?).ok()?;
        let mut room = [0; SIGNATURE_BYTES + 2];
        base64url::decode(signature.strip_prefix('.')?, &mut room).ok()?;
        let (signature, _) = room.split_first_chunk()?;
        Some(Self { signed, payload, signature: *signature })
    }
}

#[cold]
fn name_wrong_body(text: &str, start: usize) -> Error {
    let Some((payload, signature)) = text.split_once('.') else {
        return too_few();
    };
    let signature_start = start.saturating_add(payload.len()).saturating_add(1);
    if let Some((third, _)) = signature.split_once('.') {
        return invalid("JWT has more than three parts", FORM).at(signature_start.saturating_add(third.len()));
    }
    if let Err(fault) = decode(payload) {
        return name_fault(fault, payload, start);
    }
    if signature.is_empty() {
        return invalid("JWT has an empty signature", "sign the JWT with HS256").at(signature_start);
    }
    // Long enough for a signature with a few surplus characters, so that they are named for what they are.
    if let (Err(fault), ..=64) = (base64url::decode(signature, &mut [0; 48]), signature.len()) {
        return name_fault(fault, signature, signature_start);
    }
    invalid("JWT's signature is not of 32 bytes", "sign the JWT with HS256").at(signature_start)
}

#[cold]
pub(super) fn too_few() -> Error {
    invalid("JWT has fewer than three parts", FORM)
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
