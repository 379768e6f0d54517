//! The header of a JWT: its algorithm and its key.

use alloc::borrow::Cow;
use alloc::collections::BTreeSet;

use super::{invalid, parts};
use crate::credentials::KeyName;
use crate::error::Error;
use crate::text::base64url;
use crate::text::json_reader::{Members, Value};

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
pub(super) fn read(header: &str) -> Result<KeyName, Error> {
    // After a usual start, only the end has to be decoded, which is much faster.
    let end = USUAL_STARTS.iter().find_map(|start| header.strip_prefix(start));
    match end.and_then(read_usual_end) {
        Some(key_name) => Ok(key_name),
        None => parts::read_json(header, 0, "JWT's header is not UTF-8", read_json),
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
fn read_json(header: &str) -> Result<KeyName, Error> {
    let (mut alg, mut kid, mut typ, mut crit) = (None, None, None, None);
    let mut others: BTreeSet<Cow<'_, str>> = BTreeSet::new();
    let mut is_repeated = false;
    let mut members = Members::of(header);
    while let Some((name, value)) = members.next().map_err(parts::header_fault)? {
        is_repeated |= match &*name {
            "alg" => alg.replace(value).is_some(),
            "kid" => kid.replace(value).is_some(),
            "typ" => typ.replace(value).is_some(),
            "crit" => crit.replace(value).is_some(),
            _ => !others.insert(name),
        };
    }
    if is_repeated {
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
