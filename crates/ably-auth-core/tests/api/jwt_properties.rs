//! Properties of all JWTs.

use std::collections::BTreeMap;
use std::time::Duration;

use ably_auth_core::jwt::{ClaimValue, embedded_token};
use ably_auth_core::{ApiKey, JwtFields, Timestamp, Ttl, UnverifiedJwt};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Map, Value};

use super::jwt_support::{IAT, key, signed, verify, with_claims};
use super::support::config_of;

/// Generates any JSON value, with many kinds of strings and numbers.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[\"\\\\\u{0}-\u{1f}a-c🦀]{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 30, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            btree_map(any::<String>(), inner, 0..5).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z.\"\\\\é🦀]{1,12}", any::<String>(), "x-ably-[a-z]{1,3}"]
        .prop_filter("one of ours", |name| !["iat", "exp", "nbf"].contains(&&**name) && !name.starts_with("ably."))
}

fn client_id() -> impl Strategy<Value = String> {
    any::<String>().prop_filter("a client id", |id| !id.is_empty() && !id.chars().any(char::is_control))
}

proptest! {
    #![proptest_config(config_of(2))]

    /// A minted JWT verifies, and has the claims that it was minted from.
    #[test]
    fn minted_jwt_has_same_claims(
        secret in "[!-9;-~]{1,100}".prop_filter("no dot", |secret| !secret.contains('.')),
        issued in 0..99_999_000_000_000_u64,
        ttl in 1..=86_400_000_u64,
        texts in (option::of(any::<String>()), option::of(client_id()), option::of(any::<String>()), option::of("[!-~]{1,90}")),
        channel_claims in btree_map("\\PC{1,9}", any::<String>(), 0..4),
        publish_limits in btree_map(".{1,9}", any::<u32>(), 0..4),
        others in btree_map(name(), any_json(), 0..4),
        as_integer in any::<i64>(),
    ) {
        let key = ApiKey::parse(&format!("app.key:{secret}")).unwrap();
        let (capability, client_id, revocation_key, token) = &texts;
        let json: BTreeMap<_, _> = others.iter().map(|(name, value)| (name, value.to_string())).collect();
        let mut other: Vec<_> = json.iter().map(|(name, json)| (name.as_str(), ClaimValue::Json(json))).collect();
        other.push(("integer in digits", ClaimValue::Integer(as_integer)));
        let claims: Vec<_> = channel_claims.iter().map(|(resource, claim)| (&**resource, &**claim)).collect();
        let limits: Vec<_> = publish_limits.iter().map(|(resource, limit)| (&**resource, *limit)).collect();
        let issued = Timestamp::from_millis(issued);
        let fields = JwtFields {
            capability: capability.as_deref(),
            client_id: client_id.as_deref(),
            revocation_key: revocation_key.as_deref(),
            embedded_token: token.as_deref(),
            channel_claims: &claims,
            publish_limits: &limits,
            others: &other,
            ..JwtFields::new("app.key", issued, Ttl::from_millis(ttl).unwrap())
        };
        let token_text = fields.mint(&key.signer()).unwrap();
        let unverified = UnverifiedJwt::parse(token_text.expose()).unwrap();
        let verified = unverified.verify(&key.signer(), issued, Duration::ZERO).unwrap();
        let read = verified.claims();
        prop_assert_eq!(read.issued().as_millis(), issued.as_millis() / 1000 * 1000);
        prop_assert!(read.ttl().unwrap().as_millis() <= ttl.next_multiple_of(1000));
        prop_assert_eq!(read.capability_text(), capability.as_deref());
        prop_assert_eq!(read.client_id().as_str(), client_id.as_deref());
        prop_assert_eq!(read.revocation_key(), revocation_key.as_deref());
        prop_assert_eq!(read.embedded_token().map(ably_auth_core::Token::expose), token.as_deref());
        prop_assert_eq!(read.channel_claims().collect::<Vec<_>>(), claims);
        let read_limits: Vec<_> = read.publish_limits().map(|(resource, limit)| (resource, limit as u32)).collect();
        prop_assert_eq!(read_limits, limits);
        let mut expected: BTreeMap<_, _> = json.iter().map(|(name, json)| (name.as_str(), json.clone())).collect();
        expected.insert("integer in digits", as_integer.to_string());
        let read_others: BTreeMap<_, _> = read.others().map(|(name, json)| (name, json.to_owned())).collect();
        prop_assert_eq!(read_others, expected);
    }

    /// The parser and serde_json agree on the content of an object, with and without white space and escapes.
    #[test]
    fn parser_agrees_with_serde_json(claims in btree_map(name(), any_json(), 0..8), pretty in any::<bool>(), ascii in any::<bool>()) {
        let object = Value::Object(claims.into_iter().filter(|(name, _)| !name.starts_with("x-ably-")).collect());
        let mut text = if pretty { serde_json::to_string_pretty(&object).unwrap() } else { object.to_string() };
        if ascii {
            let escaped = |c: char| c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04X}")).collect::<String>();
            text = text.chars().map(|c| if c.is_ascii() { c.to_string() } else { escaped(c) }).collect();
        }
        let members = text.trim().trim_start_matches('{').strip_suffix('}').unwrap().trim();
        let verified = verify(&with_claims(members)).unwrap();
        let others = verified.claims().others();
        let read: Map<_, _> = others.map(|(name, json)| (name.into(), serde_json::from_str(json).unwrap())).collect();
        prop_assert_eq!(Value::Object(read), serde_json::from_str::<Value>(&text).unwrap());
    }

    /// The parser accepts and refuses the same texts as serde_json, for texts that are nearly JSON.
    #[test]
    fn parser_accepts_same_texts_as_serde_json(
        value in any_json(),
        changes in vec((any::<Index>(), option::of(proptest::sample::select(&b"{}[]\",:\\u0dD18 \n\t\x01.eE+-ntf/b"[..]))), 0..4),
    ) {
        let mut text = value.to_string().into_bytes();
        for (at, byte) in changes {
            let at = at.index(text.len().max(1));
            match byte {
                Some(byte) if at < text.len() => text[at] = byte,
                Some(byte) => text.push(byte),
                None if at < text.len() => { text.remove(at); }
                None => {}
            }
        }
        let Ok(text) = String::from_utf8(text) else { return Ok(()) };
        let known = serde_json::from_str::<Value>(&text).map(|known| (known.clone(), known.as_f64()));
        let read = verify(&with_claims(&format!("\"a\":{text}")));
        // Numbers out of the range of a double are valid JSON, but serde_json refuses them.
        let is_huge = known.as_ref().is_err_and(|error| error.to_string().starts_with("number out of range"));
        if !is_huge {
            // With a comma, the text may contain another claim or a repeated key, which only this crate refuses.
            let wrapped = serde_json::from_str::<Map<String, Value>>(&format!("{{\"a\":{text}}}"));
            match (&read, &wrapped) {
                (Ok(_), Ok(_)) | (Err(_), Err(_)) => {}
                (Err(error), Ok(_)) if error.to_string().starts_with("JWT has a") => {}
                _ => prop_assert!(false, "{text:?}: {read:?}, but {wrapped:?}"),
            }
        }
    }

    /// A JWT with any one byte changed does not verify.
    #[test]
    fn changed_byte_is_refused(at in any::<Index>(), byte in any::<u8>(), group in "[a-z]{0,30}") {
        let jwt = with_claims(&format!(r#""x-ably-revocation-key":"{group}""#));
        let mut bytes = jwt.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        prop_assume!(bytes != jwt.as_bytes());
        prop_assert!(String::from_utf8(bytes).map_or(true, |changed| verify(&changed).is_err()));
    }

    /// A JWT with missing or additional characters does not verify.
    #[test]
    fn removed_or_added_characters_are_refused(at in any::<Index>(), more in "[A-Za-z0-9_.=-]{0,3}", cut in 0..4_usize) {
        let jwt = with_claims("");
        let at = at.index(jwt.len() + 1);
        let changed = format!("{}{more}{}", &jwt[..at], &jwt[(at + cut).min(jwt.len())..]);
        prop_assume!(changed != jwt);
        prop_assert!(verify(&changed).is_err(), "{changed}");
    }

    /// No input causes a panic.
    #[test]
    fn any_text_is_accepted_or_refused(text in any::<String>(), dotted in "[A-Za-z0-9_=+/ -]{0,40}(\\.[A-Za-z0-9_-]{0,40}){0,6}", header in any::<String>(), payload in any::<Vec<u8>>()) {
        for text in [&text, &dotted, &signed(&header, &payload), &signed(super::jwt_support::HEADER, &payload)] {
            let _ = verify(text);
            let _ = embedded_token(text);
            let _ = UnverifiedJwt::parse(text).map(|unverified| unverified.decode_without_verifying());
        }
    }
}

/// A JWT does not verify if any of its characters is replaced by any other character of base64url.
#[test]
fn every_character_is_verified() {
    let jwt = with_claims("");
    let dots: Vec<_> = jwt.match_indices('.').map(|(at, _)| at).collect();
    for at in 0..jwt.len() {
        for other in ('A'..='Z').chain('a'..='z').chain('0'..='9').chain("-_.".chars()) {
            let changed = format!("{}{other}{}", &jwt[..at], &jwt[at + 1..]);
            assert!(changed == jwt || verify(&changed).is_err(), "{at} to {other}, dots at {dots:?}");
        }
    }
    assert!(verify(&jwt).unwrap().claims().issued() == Timestamp::from_millis(IAT * 1000));
    assert!(UnverifiedJwt::parse(&jwt).unwrap().key_name() == key().key_name());
}
