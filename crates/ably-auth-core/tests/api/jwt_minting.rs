//! Minting of JWTs: the text, the length of the buffer, and refused fields.

use std::time::Duration;

use ably_auth_core::jwt::{self, ClaimValue, HEADER_BUDGET_BYTES, HeaderFit};
use ably_auth_core::{
    ApiKey, ApiKeyRef, ClientId, Error, ErrorCode, ErrorKind, JwtFields, Timestamp, TokenParams, Ttl, UnverifiedJwt,
};

use super::jwt_hmac::hmac;
use super::jwt_support::{IAT, NOW, assert_named, base64url, key, sign_parts, signed, verify};
use super::support::ttl;

fn fields<'a>() -> JwtFields<'a> {
    JwtFields::new("app.key", NOW, Ttl::DEFAULT)
}

fn payload(fields: &JwtFields<'_>) -> String {
    let token = fields.mint(&key().signer()).unwrap();
    let parts: Vec<_> = token.expose().split('.').collect();
    // Compares with encoded text, so that the tested decoder is not used.
    let expected = |json: &str| {
        sign_parts(&base64url(br#"{"typ":"JWT","alg":"HS256","kid":"app.key"}"#), &base64url(json.as_bytes()))
    };
    let json = decode(parts[1]);
    assert_eq!(token.expose(), expected(&json));
    json
}

fn decode(part: &str) -> String {
    let value = |c: char| match c {
        'A'..='Z' => c as u32 - 65,
        'a'..='z' => c as u32 - 71,
        '0'..='9' => c as u32 + 4,
        '-' => 62,
        _ => 63,
    };
    let bits: String = part.chars().map(|c| format!("{:06b}", value(c))).collect();
    let bytes = (0..bits.len() / 8).map(|at| u8::from_str_radix(&bits[at * 8..at * 8 + 8], 2).unwrap());
    String::from_utf8(bytes.collect()).unwrap()
}

#[test]
fn minted_payload_is_exact() {
    assert_eq!(payload(&fields()), format!(r#"{{"iat":{IAT},"exp":{}}}"#, IAT + 3600));
    let all = JwtFields {
        not_before: Some(Timestamp::from_millis(1)),
        capability: Some(r#"{"a":["*"]}"#),
        client_id: Some("b\"\\/\u{8}\u{c}\u{7f}é🦀"),
        revocation_key: Some("\n\r\t\0\u{1f}"),
        embedded_token: Some("a.b"),
        channel_claims: &[("z\"", "1"), ("a", "")],
        publish_limits: &[("a", u32::MAX)],
        others: &[
            ("sub", ClaimValue::Text("x")),
            ("least", ClaimValue::Integer(i64::MIN)),
            ("most", ClaimValue::Integer(i64::MAX)),
            ("zero", ClaimValue::Integer(0)),
            ("json", ClaimValue::Json("[ null ]")),
            ("x-ably-later", ClaimValue::Json("{}")),
        ],
        ..fields()
    };
    let expected = format!(r#"{{"iat":{IAT},"exp":{},"nbf":1,"x-ably-capability":"{{\"a\":[\"*\"]}}","#, IAT + 3600)
        + "\"x-ably-clientId\":\"b\\\"\\\\/";
    // A clientId has no control characters; a revocation key may have them.
    let refused = all.mint(&key().signer()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ClientId);
    let all = JwtFields { client_id: Some("b\"\\/é🦀"), ..all };
    let rest = "é🦀\",\"x-ably-revocation-key\":\"\\n\\r\\t\\u0000\\u001f\",\"x-ably-token\":\"a.b\",\
        \"ably.channel.z\\\"\":\"1\",\"ably.channel.a\":\"\",\"ably.limits.publish.perAttachment.maxRate.a\":4294967295,\
        \"sub\":\"x\",\"least\":-9223372036854775808,\"most\":9223372036854775807,\"zero\":0,\"json\":[ null ],\"x-ably-later\":{}}";
    assert_eq!(payload(&all), expected + rest);
    let controls: String = (0..0x20).map(char::from).collect();
    let written = payload(&JwtFields { revocation_key: Some(&controls), ..fields() });
    let json: String = (0..0x20_u32)
        .map(|c| match c {
            8 => "\\b".into(),
            9 => "\\t".into(),
            10 => "\\n".into(),
            12 => "\\f".into(),
            13 => "\\r".into(),
            _ => format!("\\u{c:04x}"),
        })
        .collect();
    assert!(written.ends_with(&format!(r#""x-ably-revocation-key":"{json}"}}"#)), "{written}");
}

/// `minted_len` is exact for lengths around the internal buffer and chunk sizes.
#[test]
fn minted_len_is_exact() {
    let signer = key().signer();
    for len in (0..40).chain(180..200).chain(440..560).chain([1_000, 5_000]) {
        for group in ["x".repeat(len), "\"".repeat(len), "é\n".repeat(len / 3)] {
            let fields = JwtFields { revocation_key: Some(&group), ..fields() };
            let needed = fields.minted_len().unwrap();
            let token = fields.mint(&signer).unwrap();
            assert_eq!(token.expose().len(), needed);
            assert_eq!(verify(token.expose()).unwrap().claims().revocation_key(), Some(&*group));
            let mut exact = vec![b'#'; needed];
            assert_eq!(fields.mint_into(&signer, &mut exact).unwrap(), token.expose());
            let mut roomy = vec![b'#'; needed + 7];
            assert_eq!(fields.mint_into(&signer, &mut roomy).unwrap(), token.expose());
            assert!(roomy[needed..].iter().all(|byte| *byte == b'#'));
            for too_few in [needed - 1, needed / 2, 1, 0] {
                let mut short = vec![b'#'; too_few];
                let error = fields.mint_into(&signer, &mut short).unwrap_err();
                assert_eq!((error.kind(), error.needed_bytes()), (ErrorKind::Buffer, Some(needed)));
                assert!(short.iter().all(|byte| *byte == b'#'), "nothing is written where not all has room");
            }
        }
    }
    let error = fields().mint_into(&signer, &mut []).unwrap_err();
    let needed = error.needed_bytes().unwrap();
    assert_eq!(
        error.to_string(),
        format!("buffer is too small for the JWT (needs {needed} bytes); give a buffer of that size")
    );
    assert_eq!(error.ably_code(), ErrorCode::INTERNAL);
}

#[test]
fn unreadable_fields_are_refused() {
    let refused = |fields: JwtFields<'_>| -> Error {
        let error = fields.mint(&key().signer()).unwrap_err();
        assert_eq!(fields.minted_len().unwrap_err(), error);
        assert_eq!(fields.mint_into(&key().signer(), &mut [0; 2048]).unwrap_err(), error);
        error
    };
    for key_name in ["", "app", "app.key:secret", "app.key\"", "a.b.c"] {
        assert_eq!(refused(JwtFields { key_name, ..fields() }).kind(), ErrorKind::Key, "{key_name}");
    }
    for client_id in ["", "a\n"] {
        assert_eq!(refused(JwtFields { client_id: Some(client_id), ..fields() }).kind(), ErrorKind::ClientId);
    }
    let twice = "claim of the JWT is given twice";
    let others = [("a", ClaimValue::Text("")), ("b", ClaimValue::Text("")), ("a", ClaimValue::Integer(1))];
    assert_named(Err::<(), _>(refused(JwtFields { others: &others, ..fields() })), ErrorKind::Jwt, twice);
    let channel_claims = [("a", "x"), ("a", "x")];
    assert_named(
        Err::<(), _>(refused(JwtFields { channel_claims: &channel_claims, ..fields() })),
        ErrorKind::Jwt,
        twice,
    );
    let publish_limits = [("a", 1), ("b", 1), ("b", 2)];
    assert_named(
        Err::<(), _>(refused(JwtFields { publish_limits: &publish_limits, ..fields() })),
        ErrorKind::Jwt,
        twice,
    );
    let nameless = "claim of the JWT has an empty resource";
    assert_named(
        Err::<(), _>(refused(JwtFields { channel_claims: &[("", "x")], ..fields() })),
        ErrorKind::Jwt,
        nameless,
    );
    assert_named(Err::<(), _>(refused(JwtFields { publish_limits: &[("", 1)], ..fields() })), ErrorKind::Jwt, nameless);
    for name in [
        "iat",
        "exp",
        "nbf",
        "x-ably-capability",
        "x-ably-clientId",
        "x-ably-revocation-key",
        "x-ably-token",
        "ably.channel.a",
        "ably.limits.publish.perAttachment.maxRate.a",
    ] {
        let others = [(name, ClaimValue::Integer(1))];
        let name = "claim in `others` has its own field in the JWT";
        assert_named(Err::<(), _>(refused(JwtFields { others: &others, ..fields() })), ErrorKind::Jwt, name);
    }
    for (json, name) in [
        ("", "claim of the JWT is not valid JSON"),
        ("1,\"exp\":2", "claim of the JWT is not valid JSON"),
        ("{", "claim of the JWT is not valid JSON"),
        (&*"[".repeat(33), "claim of the JWT is nested more than 32 levels deep"),
    ] {
        let others = [("a", ClaimValue::Json(json))];
        assert_named(Err::<(), _>(refused(JwtFields { others: &others, ..fields() })), ErrorKind::Jwt, name);
    }
}

#[test]
fn debug_hides_embedded_token() {
    let fields = JwtFields { embedded_token: Some("a.hush"), client_id: Some("bob"), ..fields() };
    let shown = format!("{fields:?}");
    assert!(shown.contains("bob") && shown.contains("[redacted]") && !shown.contains("hush"), "{shown}");
}

#[test]
fn token_params_are_minted() {
    let key = key();
    let mint = |params: &TokenParams| {
        let token = jwt::mint(&key, params, NOW).unwrap();
        assert_eq!(jwt::mint_with(&key.signer(), key.key_name(), params, NOW).unwrap(), token);
        UnverifiedJwt::parse(token.expose()).unwrap().verify(&key.signer(), NOW, Duration::from_secs(9)).unwrap()
    };
    let plain = mint(&TokenParams::new());
    assert_eq!((plain.claims().issued(), plain.claims().ttl().unwrap()), (NOW, Ttl::DEFAULT));
    assert!(plain.claims().client_id().is_none() && plain.claims().capability_text().is_none());
    let later = Timestamp::from_millis(NOW.as_millis() + 9_000);
    let asked = TokenParams::new()
        .ttl(ttl(60_000))
        .client_id(ClientId::Any)
        .capability(r#"{"b":["subscribe","publish"],"a":["*"]}"#)
        .timestamp(later);
    let claims = mint(&asked).claims().clone();
    assert_eq!((claims.issued(), claims.ttl().unwrap(), claims.client_id()), (later, ttl(60_000), &ClientId::Any));
    assert_eq!(claims.capability_text(), Some(r#"{"a":["*"],"b":["publish","subscribe"]}"#));
    // A borrowed key mints the same JWT.
    let borrowed = ApiKeyRef::parse(super::jwt_support::KEY).unwrap();
    let mut buffer = [0; 512];
    let fields = JwtFields::new(borrowed.key_name(), NOW, Ttl::DEFAULT);
    let text = fields.mint_into(&borrowed.signer(), &mut buffer).unwrap();
    assert_eq!(text, jwt::mint(&key, &TokenParams::new(), NOW).unwrap().expose());
}

#[test]
fn header_fit_is_exact_to_the_byte() {
    let of = |len: usize| HeaderFit::of(&"a".repeat(len));
    let name = "authorization: Bearer ".len();
    assert_eq!(HEADER_BUDGET_BYTES, 8192);
    assert_eq!((of(0), of(6144 - name), of(6145 - name)), (HeaderFit::Fits, HeaderFit::Fits, HeaderFit::Near));
    assert_eq!((of(8192 - name), of(8193 - name)), (HeaderFit::Near, HeaderFit::Over));
}

/// A signer stores the hash state after the start of its own key's JWTs. It must also sign JWTs that start differently.
#[test]
fn signer_handles_any_header() {
    let names = (1..120).map(|len| format!("app.{}", "k".repeat(len)));
    for (name, other) in names.flat_map(|name| [(name.clone(), "xVLyHw.aBcDeF".into()), (name.clone(), name)]) {
        let signer = ApiKey::parse(&format!("{other}:secret")).unwrap().signer();
        let fields = JwtFields::new(&name, NOW, ttl(60_000));
        let jwt = fields.mint(&signer).unwrap();
        let (text, signature) = jwt.expose().rsplit_once('.').unwrap();
        assert_eq!(signature, base64url(&hmac("secret", text.as_bytes())), "{name} by {other}");

        let foreign = signed(&format!(r#"{{"alg":"HS256","kid":"{name}"}}"#), br#"{"iat":1,"exp":9999999999}"#);
        UnverifiedJwt::parse(&foreign).unwrap().verify(&signer, NOW, Duration::ZERO).unwrap();
    }
}
