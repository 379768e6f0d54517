//! A lenient reader of JWTs: the readable parts of a JWT that may be malformed, and a list of its problems.

use std::fmt;

use ably_auth_core::{Capability, KeyName, UnverifiedJwt};
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value, json};

use crate::redact::{self, plain};

/// The smallest number that counts as milliseconds. JWT times are in seconds, and 10^11 s is in the year 5138.
pub(crate) const FIRST_MILLISECONDS: f64 = 1e11;
/// The maximum lifetime of a token, in seconds.
const MAX_LIFE: f64 = 86_400.0;
const SIGNATURE_BYTES: usize = 32;

/// The maximum number of edits between a misspelt name and the correct one.
const MAX_EDITS: usize = 3;

const TOKEN: &str = "x-ably-token";
const CAPABILITY: &str = "x-ably-capability";
const CLAIMS: &[&str] = &[CAPABILITY, "x-ably-clientId", "x-ably-clientType", "x-ably-revocation-key", TOKEN];
const PREFIXES: &[&str] = &["ably.channel.", "ably.limits.publish.perAttachment.maxRate."];

/// A base64url decoder that accepts frequent errors of encoders: padding, and non-zero bits after the last byte.
const DECODER: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The readable parts of a JWT, and its problems.
pub(crate) struct LenientJwt {
    pub(crate) header: Option<Map<String, Value>>,
    pub(crate) claims: Option<Map<String, Value>>,
    pub(crate) problems: Vec<String>,
}

/// Reads the readable parts of a JWT. Returns `None` if neither the header nor the claims are readable.
pub(crate) fn read(text: &str) -> Option<LenientJwt> {
    let parts: Vec<_> = text.split('.').collect();
    let is_encrypted = parts.len() == 5;
    let mut problems = Vec::new();
    let header = parts.first().and_then(|part| object("header", part, &mut problems));
    let payload = parts.get(1).filter(|_| !is_encrypted);
    let claims = payload.and_then(|part| object("payload", part, &mut problems));
    if header.is_none() && claims.is_none() {
        return None;
    }
    match parts.len() {
        3 => {
            let is_hs256 = header.as_ref().and_then(|header| header.get("alg")).is_some_and(|alg| alg == "HS256");
            check_signature(parts.get(2).copied().unwrap_or_default(), is_hs256, &mut problems);
        }
        5 => problems.push("it is encrypted, so only its header can be read".into()),
        count => problems.push(format!("it has {count} parts between dots, not 3; pass on the whole token")),
    }
    if let Some(header) = &header {
        let before = problems.len();
        check_header(header, &mut problems);
        if problems.len() == before {
            problems.extend(strict_problem(&Value::Object(header.clone()), &json!({ "iat": 1, "exp": 2 })));
        }
    }
    if let Some(claims) = &claims {
        check_times(claims, &mut problems);
        check_capability(claims.get(CAPABILITY), &mut problems);
        check_other_claims(claims, &mut problems);
        problems.extend(claims.keys().filter_map(|name| misspelt(name)));
    }
    Some(LenientJwt { header, claims, problems })
}

fn decode(part: &str) -> Option<Vec<u8>> {
    DECODER.decode(part.replace('+', "-").replace('/', "_")).ok()
}

fn object(name: &str, part: &str, problems: &mut Vec<String>) -> Option<Map<String, Value>> {
    let Some(bytes) = decode(part) else {
        problems.push(format!("its {name} is not base64url; pass on the token unchanged"));
        return None;
    };
    let Ok(Members { object, repeated }) = serde_json::from_slice(&bytes) else {
        problems.push(format!("its {name} is not a JSON object; pass on the whole token, unchanged"));
        return None;
    };
    problems.extend(repeated.iter().map(|member| format!("its {name} repeats `{member}`; write it once")));
    if part.contains(['=', '+', '/']) {
        problems.push(format!("its {name} is in base64, not in base64url without padding; change its encoding"));
    }
    Some(object)
}

/// The members of a JSON object, and the names that it repeats.
struct Members {
    object: Map<String, Value>,
    repeated: Vec<String>,
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Members { object: Map::new(), repeated: Vec::new() };
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if members.object.insert(name.clone(), value).is_some() && !members.repeated.contains(&name) {
                        members.repeated.push(name);
                    }
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(Object)
    }
}

fn check_signature(part: &str, is_hs256: bool, problems: &mut Vec<String>) {
    let is_hex = part.len() == 2 * SIGNATURE_BYTES && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    match decode(part).map(|bytes| bytes.len()) {
        Some(SIGNATURE_BYTES) => {}
        _ if is_hex => problems.push("its signature is in hexadecimal; encode its 32 bytes in base64url".into()),
        Some(0) => problems.push("it has no signature; sign it with the key's secret".into()),
        // `check_header` reports another algorithm, whose signature may be longer.
        Some(bytes) if bytes > SIGNATURE_BYTES && !is_hs256 => {}
        Some(bytes) if bytes > SIGNATURE_BYTES => {
            problems.push(format!("its signature has {bytes} bytes, not 32; sign it with HMAC-SHA-256, as `alg` says"));
        }
        Some(bytes) => problems.push(format!("its signature has {bytes} bytes, not 32; pass on the whole token")),
        None => problems.push("its signature is not base64url; pass on the token unchanged".into()),
    }
}

fn check_header(header: &Map<String, Value>, problems: &mut Vec<String>) {
    match header.get("alg") {
        Some(Value::String(alg)) if alg == "HS256" => {}
        Some(alg) => problems.push(format!(
            "`alg` is {}: the service takes HS256 only; sign with the key's secret, or embed an Ably token as `{TOKEN}`",
            redact::value("alg", alg)
        )),
        None => problems.push("`alg` is missing; write \"HS256\"".into()),
    }
    match header.get("kid") {
        Some(Value::String(kid)) if KeyName::parse(kid).is_ok() => {}
        Some(_) => problems.push("`kid` is not the name of a key; write `appId.keyId`, without the secret".into()),
        None => problems.push("`kid` is missing; write the name of the key, `appId.keyId`".into()),
    }
    if header.get("typ").is_some_and(|typ| *typ != "JWT") {
        problems.push("`typ` is not \"JWT\"; write \"JWT\", or leave `typ` out".into());
    }
}

fn check_times(claims: &Map<String, Value>, problems: &mut Vec<String>) {
    for (name, is_needed) in [("iat", true), ("exp", true), ("nbf", false)] {
        match claims.get(name) {
            Some(Value::Number(number)) if seconds(number) >= FIRST_MILLISECONDS => {
                problems.push(format!("`{name}` is in milliseconds; give seconds"));
            }
            Some(Value::Number(_)) => {}
            None | Some(Value::Null) if is_needed => {
                problems.push(format!("`{name}` is missing; give it in seconds since the epoch"));
            }
            Some(Value::Null) | None => {}
            Some(_) => problems.push(format!("`{name}` is not a number; give seconds since the epoch, without quotes")),
        }
    }
    if let (Some(Value::Number(issued)), Some(Value::Number(expires))) = (claims.get("iat"), claims.get("exp")) {
        let life = seconds(expires) - seconds(issued);
        if life <= 0.0 {
            problems.push("`exp` is not after `iat`; give a later `exp`".into());
        } else if life > MAX_LIFE && seconds(expires) < FIRST_MILLISECONDS {
            problems.push(format!(
                "it lives for {life} s, but the service takes 86400 s at most; mint one with a shorter lifetime"
            ));
        }
    }
}

fn seconds(number: &serde_json::Number) -> f64 {
    number.as_f64().unwrap_or_default()
}

fn check_capability(capability: Option<&Value>, problems: &mut Vec<String>) {
    match capability {
        None => {}
        Some(Value::Null) => {
            problems.push(format!("`{CAPABILITY}` is null; leave the claim out for all rights of the key"));
        }
        Some(Value::String(text)) => match Capability::parse_strict(text) {
            Ok(capability) if capability.is_empty() => {
                problems
                    .push(format!("`{CAPABILITY}` permits nothing; add what the JWT needs, or leave the claim out"));
            }
            Ok(_) => {}
            Err(error) => problems.push(format!("`{CAPABILITY}`: {error}")),
        },
        Some(Value::Object(_)) => {
            problems.push(format!("`{CAPABILITY}` is an object; give its JSON as a string: \"{{\\\"chat\\\":[…]}}\""));
        }
        Some(_) => problems.push(format!("`{CAPABILITY}` is not a string; give the capability's JSON as a string")),
    }
}

/// Checks each other claim alone, with the reader that verification uses.
fn check_other_claims(claims: &Map<String, Value>, problems: &mut Vec<String>) {
    let header = json!({ "alg": "HS256", "kid": "app.key" });
    let others = claims.iter().filter(|(name, _)| !["iat", "exp", "nbf", CAPABILITY].contains(&name.as_str()));
    problems.extend(
        others.filter_map(|(name, value)| strict_problem(&header, &json!({ "iat": 1, "exp": 2, name: value }))),
    );
}

/// Returns what verification would find wrong with a JWT of these parts, except its signature and its times.
fn strict_problem(header: &Value, claims: &Value) -> Option<String> {
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let text = format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode([0; SIGNATURE_BYTES]));
    let error = UnverifiedJwt::parse(&text).and_then(|jwt| jwt.decode_without_verifying()).err()?;
    Some(error.to_string())
}

/// Returns a problem if `name` is meant as a claim of the service, but is not one.
fn misspelt(name: &str) -> Option<String> {
    if CLAIMS.contains(&name) || PREFIXES.iter().any(|prefix| name.len() > prefix.len() && name.starts_with(prefix)) {
        return None;
    }
    let plain = plain(name);
    let is_meant = |known: &&&str| {
        let known = redact::plain(known);
        let short = known.strip_prefix("xably").unwrap_or(&known);
        plain == short
            || (plain.starts_with('x') && distance(&plain, &known) <= MAX_EDITS)
            || plain == format!("ably{short}")
    };
    if let Some(known) = CLAIMS.iter().find(is_meant) {
        return Some(format!("unknown claim `{name}`; did you mean `{known}`?"));
    }
    if plain.starts_with("xably") {
        return Some(format!("unknown claim `{name}`: the service does not read it; check its spelling"));
    }
    let of_resource = name.to_ascii_lowercase().starts_with("ably.");
    let meant: Vec<_> = PREFIXES.iter().map(|prefix| format!("`{prefix}RESOURCE`")).collect();
    of_resource.then(|| format!("unknown claim `{name}`; did you mean {}?", meant.join(" or ")))
}

/// Returns the number of characters to insert, remove or replace to change `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (at, one) in a.chars().enumerate() {
        let mut diagonal = at;
        let mut left = at.saturating_add(1);
        let mut next = vec![left];
        for (other, above) in b.chars().zip(row.iter().skip(1)) {
            let replaced = diagonal.saturating_add(usize::from(one != other));
            left = left.min(*above).saturating_add(1).min(replaced);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        for (a, b, edits) in
            [("", "", 0), ("abc", "abc", 0), ("abc", "abd", 1), ("abc", "ab", 1), ("ab", "xabc", 2), ("", "abc", 3)]
        {
            assert_eq!((distance(a, b), distance(b, a)), (edits, edits), "{a} {b}");
        }
    }

    #[test]
    fn misspelt_claims_get_the_right_name() {
        for (name, known) in [
            ("x-ably-clientid", "x-ably-clientId"),
            ("x-ably-client-id", "x-ably-clientId"),
            ("X-Ably-ClientId", "x-ably-clientId"),
            ("clientId", "x-ably-clientId"),
            ("ably-clientId", "x-ably-clientId"),
            ("x-ably-capabilty", "x-ably-capability"),
            ("x_ably_capability", "x-ably-capability"),
            ("capability", "x-ably-capability"),
            ("x-ably-revocationKey", "x-ably-revocation-key"),
            ("ably.chanel.chat", "ably.channel.RESOURCE"),
            ("ably.channel.", "ably.channel.RESOURCE"),
        ] {
            let problem = misspelt(name).unwrap_or_default();
            assert!(problem.contains(&format!("did you mean `{known}`")), "{name}: {problem}");
        }
        assert!(misspelt("x-ably-teleport").is_some_and(|problem| problem.starts_with("unknown claim")));
        for name in ["sub", "name", "x-ably-capability", "x-ably-clientType", "ably.channel.chat", "exp", "x-request"] {
            assert_eq!(misspelt(name), None);
        }
    }
}
