//! The parts of a JWT, decoded from base64url: the header with its algorithm and its key, then the rest.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::{MAX_BYTES, invalid, room};
use crate::credentials::KeyName;
use crate::error::Error;
use crate::text::base64url::{self, SIGNATURE_LEN};
use crate::text::json_value::{Fault, Members, Value};

pub(super) const FORM: &str = "a JWT has the form `header.payload.signature`, each in base64url without padding";
pub(super) const SIGNATURE_BYTES: usize = 32;
const DOT_AND_SIGNATURE_LEN: usize = 1 + SIGNATURE_LEN;

/// Refuses a text that is longer than any token, so that no later step has to process a long text.
pub(super) fn check_len(text: &str) -> Result<(), Error> {
    if text.len() > MAX_BYTES {
        return Err(invalid("JWT is longer than 128 KiB", "pass on the token exactly as it was issued"));
    }
    Ok(())
}

/// Decodes a part and reads its JSON. `start` is the offset of the part in the JWT.
pub(super) fn read_json<T>(
    part: &str,
    start: usize,
    not_utf8: &'static str,
    read: impl FnOnce(&str) -> Result<T, Error>,
) -> Result<T, Error> {
    let decoded = decode(part).map_err(|fault| part_error(fault, part, start))?;
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

const HS256: &str = "HS256";
const SIGN: &str = "sign the JWT with HS256 and the key's secret";

/// Defines the error texts for `alg`. They name a known algorithm that is not supported.
macro_rules! refusals {
    ($($name:literal)+) => {
        fn refusal(alg: &str) -> &'static str {
            match alg {
                $($name => concat!("JWT's `alg` is `", $name, "`, not `HS256`"),)+
                "" => "JWT's `alg` is empty, not `HS256`",
                _ if alg.eq_ignore_ascii_case(HS256) => "JWT's `alg` is `HS256` in another case",
                _ if alg.eq_ignore_ascii_case("none") => "JWT's `alg` is `none` in another case, not `HS256`",
                _ => "JWT's `alg` is not `HS256`",
            }
        }
    };
}

refusals! { "none" "HS384" "HS512" "RS256" "RS384" "RS512" "PS256" "PS384" "PS512" "ES256" "ES256K" "ES384" "ES512" "EdDSA" "Ed25519" }

/// The beginnings of our own headers and of those of common libraries, in base64url, up to the value of `kid`:
/// `{"typ":"JWT","alg":"HS256","kid":` and `{"alg":"HS256","typ":"JWT","kid":`.
const USUAL_STARTS: [&str; 2] =
    ["eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiIsImtpZCI6", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6"];

/// Parses a header. Returns the name of the key that it claims to be signed with.
pub(super) fn read_header(header: &str) -> Result<KeyName, Error> {
    // After a usual start, only the end has to be decoded, which is much faster.
    let end = USUAL_STARTS.iter().find_map(|start| header.strip_prefix(start));
    match end.and_then(read_usual_end) {
        Some(key_name) => Ok(key_name),
        None => read_json(header, 0, "JWT's header is not UTF-8", key_name_of),
    }
}

/// Parses exactly `"appId.keyId"}`. Returns `None` for anything else.
fn read_usual_end(end: &str) -> Option<KeyName> {
    let mut room = [0; 96];
    let room = room.get_mut(..base64url::decoded_len(end.len()))?;
    base64url::decode(end, room).ok()?;
    let kid = core::str::from_utf8(room).ok()?;
    KeyName::parse(kid.strip_prefix('"')?.strip_suffix("\"}")?).ok()
}

/// Parses the JSON of a header. The algorithm is checked before the other members.
fn key_name_of(header: &str) -> Result<KeyName, Error> {
    let (mut alg, mut kid, mut typ, mut crit) = (None, None, None, None);
    let mut others: Vec<Cow<'_, str>> = Vec::new();
    let mut is_repeated = false;
    let mut members = Members::of(header);
    while let Some((name, value)) = members.next().map_err(header_fault)? {
        is_repeated |= match &*name {
            "alg" => alg.replace(value).is_some(),
            "kid" => kid.replace(value).is_some(),
            "typ" => typ.replace(value).is_some(),
            "crit" => crit.replace(value).is_some(),
            _ => {
                others.push(name);
                false
            }
        };
    }
    others.sort_unstable();
    if is_repeated || others.iter().zip(others.iter().skip(1)).any(|(one, next)| one == next) {
        return Err(invalid("JWT's header has a member twice", "give each member of the header once"));
    }
    check_alg(alg)?;
    if crit.is_some() {
        return Err(invalid("JWT's header has `crit`, which is not supported", "leave `crit` out"));
    }
    if typ.filter(|typ| !typ.is_null()).is_some_and(|typ| !typ.text.is_some_and(|typ| typ.eq_ignore_ascii_case("JWT")))
    {
        return Err(invalid("JWT's `typ` is not `JWT`", "give `JWT` as the header's `typ`"));
    }
    let advice = "give the name of the key that signs, `appId.keyId`, as the header's `kid`";
    let kid = kid.ok_or_else(|| invalid("JWT's header has no `kid`", advice))?;
    let kid = kid.text.ok_or_else(|| invalid("JWT's `kid` is not a string", advice))?;
    // The text is not shown, because some senders put the whole key into `kid`.
    KeyName::parse(&kid).map_err(|_| invalid("JWT's `kid` is not the name of a key", advice))
}

fn check_alg(alg: Option<Value<'_>>) -> Result<(), Error> {
    let alg = alg.ok_or_else(|| invalid("JWT's header has no `alg`", SIGN))?;
    let alg = alg.text.ok_or_else(|| invalid("JWT's `alg` is not a string", SIGN))?;
    if alg == HS256 { Ok(()) } else { Err(invalid(refusal(&alg), SIGN)) }
}

/// The part of a signed JWT after its header.
pub(super) struct Body<'a> {
    /// The text that the signature covers.
    pub(super) signed: &'a str,
    /// The decoded payload.
    pub(super) payload: Vec<u8>,
    pub(super) signature: [u8; SIGNATURE_BYTES],
}

impl<'a> Body<'a> {
    /// Parses a JWT whose payload begins at the offset `start`.
    pub(super) fn parse(jwt: &'a str, start: usize) -> Result<Self, Error> {
        Self::parse_valid(jwt, start).ok_or_else(|| body_error(jwt.get(start..).unwrap_or_default(), start))
    }

    /// Finds the last dot by the length of the signature. Another dot before it would not be valid base64url.
    fn parse_valid(jwt: &'a str, start: usize) -> Option<Self> {
        let (signed, signature) = jwt.split_at_checked(jwt.len().checked_sub(DOT_AND_SIGNATURE_LEN)?)?;
        let payload = decode(signed.get(start..)?).ok()?;
        let mut room = [0; SIGNATURE_BYTES + 2];
        base64url::decode(signature.strip_prefix('.')?, &mut room).ok()?;
        let (signature, _) = room.split_first_chunk()?;
        Some(Self { signed, payload, signature: *signature })
    }
}

#[cold]
fn body_error(text: &str, start: usize) -> Error {
    let Some((payload, signature)) = text.split_once('.') else {
        return too_few();
    };
    let signature_start = start.saturating_add(payload.len()).saturating_add(1);
    if let Some((third, _)) = signature.split_once('.') {
        return invalid("JWT has more than three parts", FORM).at(signature_start.saturating_add(third.len()));
    }
    if let Err(fault) = decode(payload) {
        return part_error(fault, payload, start);
    }
    if signature.is_empty() {
        return invalid("JWT has an empty signature", "sign the JWT with HS256").at(signature_start);
    }
    // The buffer is longer than a signature, so that a few extra characters give a specific error.
    if let (Err(fault), ..=64) = (base64url::decode(signature, &mut [0; 48]), signature.len()) {
        return part_error(fault, signature, signature_start);
    }
    invalid("JWT's signature is not 32 bytes long", "sign the JWT with HS256").at(signature_start)
}

#[cold]
pub(super) fn too_few() -> Error {
    invalid("JWT has fewer than three parts", FORM)
}

#[cold]
fn part_error(fault: base64url::Fault, part: &str, start: usize) -> Error {
    match fault {
        base64url::Fault::InvalidCharacter => {
            let (at, byte) =
                part.bytes().enumerate().find(|(_, byte)| base64url::is_invalid(*byte)).unwrap_or_default();
            let problem = match byte {
                b'=' => "JWT has padding",
                b'+' | b'/' => "JWT has a base64 character that is not in base64url",
                byte if byte.is_ascii_whitespace() => "JWT has white space",
                _ => "JWT has a character that is not in base64url",
            };
            invalid(problem, FORM).at(start.saturating_add(at))
        }
        base64url::Fault::TrailingBits => {
            let end = start.saturating_add(part.len()).saturating_sub(1);
            invalid("JWT has non-zero trailing bits in base64url", FORM).at(end)
        }
        base64url::Fault::Length => invalid("JWT has a part whose length is invalid in base64url", FORM).at(start),
    }
}

/// Returns the error for invalid JSON in a header.
#[cold]
pub(super) fn header_fault(fault: Fault) -> Error {
    match fault {
        Fault::Malformed => invalid("JWT's header is not a JSON object", FORM),
        Fault::TooDeep => invalid("JWT's header is nested more than 32 levels deep", "put less into the header"),
    }
}

/// Returns the error for invalid JSON in a payload.
#[cold]
pub(super) fn payload_fault(fault: Fault) -> Error {
    match fault {
        Fault::Malformed => invalid("JWT's payload is not a JSON object", FORM),
        Fault::TooDeep => invalid("JWT's payload is nested more than 32 levels deep", "nest claims less deeply"),
    }
}
