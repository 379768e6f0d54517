//! The content of a JWT, which can be read even if the service would refuse the JWT.

use ably_auth_core::jwt::JwtText;
use ably_auth_core::{ErrorKind, Timestamp};

use super::jwt_support::{HEADER, base64url, sign_parts, signed, with_claims};

#[test]
fn unacceptable_jwt_is_read() {
    let odd = r#"{"iat":"x","exp":1.5e3,"exp":7,"x-ably-capability":{"a":1},"\u0078":null}"#;
    for header in [HEADER, r#"{"alg":"none"}"#, r#"{"alg":7,"alg":8,"crit":[]}"#, "{}"] {
        let jwt = JwtText::parse(&signed(header, odd.as_bytes())).unwrap();
        assert_eq!((jwt.header(), jwt.payload()), (header, Some(odd)));
        assert_eq!((jwt.issued(), jwt.expires()), (None, Some(Timestamp::from_millis(1_500_000))));
        assert_eq!(jwt.claim("x-ably-capability"), Some(r#"{"a":1}"#));
        assert_eq!((jwt.claim("x"), jwt.claim("y")), (Some("null"), None));
        assert_eq!(jwt.embedded_token(), None);
    }
    let unsigned = format!("{}.{}.", base64url(b"{}"), base64url(b"{}"));
    assert_eq!(JwtText::parse(&unsigned).unwrap().payload(), Some("{}"));
}

#[test]
fn embedded_token_is_found_in_either_part() {
    let token = r#"{"x-ably-token":"a.b"}"#;
    let encrypted = format!("{}.a.b.c.d", base64url(token.as_bytes()));
    for text in [signed(token, b"{}"), signed("{}", token.as_bytes()), encrypted] {
        assert_eq!(JwtText::parse(&text).unwrap().embedded_token().unwrap().expose(), "a.b");
    }
    for value in ["null", "7", "\"\"", "{}"] {
        let payload = format!(r#"{{"x-ably-token":{value}}}"#);
        assert_eq!(JwtText::parse(&signed("{}", payload.as_bytes())).unwrap().embedded_token(), None);
    }
}

#[test]
fn text_that_is_not_a_jwt_is_refused() {
    let (header, payload) = (base64url(b"{}"), base64url(b"{}"));
    for text in [
        String::new(),
        "xVLyHw.Dtxd9tuz".to_owned(),
        "..".to_owned(),
        format!("{header}.{payload}"),
        format!("{header}.{payload}.a.b"),
        format!("{header}.!.s"),
        format!("{header}.{}.s", base64url(b"[]")),
        format!("{header}.{}.s", base64url(b"{}{}")),
        format!("{header}.{}.s", base64url(b"{\"a\":\xff}")),
        format!("{}.{payload}.s", base64url(b"7")),
        sign_parts(&header, &"a".repeat(200_000)),
        sign_parts(&header, &base64url(format!(r#"{{"a":{}}}"#, "[".repeat(9000)).as_bytes())),
    ] {
        assert_eq!(JwtText::parse(&text).unwrap_err().kind(), ErrorKind::Jwt, "{:?}", text.get(..40));
    }
}

#[test]
fn debug_of_text_shows_nothing() {
    let jwt = JwtText::parse(&with_claims(r#""x-ably-token":"a.hush""#)).unwrap();
    assert_eq!(format!("{jwt:?}"), "JwtText { is_encrypted: false, .. }");
}
