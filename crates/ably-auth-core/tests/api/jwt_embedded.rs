//! Ably tokens inside JWTs of other issuers.

use ably_auth_core::jwt::{embedded_token, has_jwt_form};
use ably_auth_core::{ErrorKind, Timestamp, Token, TokenParams, jwt};

use super::jwt_support::{NOW, assert_named, base64url, key, verify, with_claims};

const NATIVE: &str = "xVLyHw.Dtxd9tuz-EA_B";

fn jws(header: &str, payload: &str) -> String {
    format!("{}.{}.c2lnbmF0dXJl", base64url(header.as_bytes()), base64url(payload.as_bytes()))
}

fn jwe(header: &str) -> String {
    format!("{}.a2V5.aXY.Y2lwaGVydGV4dA.dGFn", base64url(header.as_bytes()))
}

fn with_token(token: &str) -> String {
    format!(r#"{{"alg":"RS256","x-ably-token":"{token}"}}"#)
}

#[track_caller]
fn assert_found(outer: &str, token: &str, expires: Option<u64>) {
    let found = embedded_token(outer).unwrap().unwrap();
    assert_eq!((found.token().expose(), found.outer_expires()), (token, expires.map(Timestamp::from_millis)));
    assert!(!format!("{found:?}").contains(token));
}

#[test]
fn embedded_token_is_found_in_each_place() {
    let ably_jwt = jwt::mint(&key(), &TokenParams::new(), NOW).unwrap();
    for token in [NATIVE, ably_jwt.expose()] {
        assert_found(&jws(&with_token(token), "{}"), token, None);
        assert_found(&jws(&with_token(token), r#"{"exp":5}"#), token, Some(5000));
        assert_found(
            &jws(r#"{"alg":"RS256"}"#, &format!(r#"{{"exp":5.5,"x-ably-token":"{token}"}}"#)),
            token,
            Some(5500),
        );
        assert_found(&jwe(&with_token(token)), token, None);
        assert_found(&jwe(&with_token(token).replace('}', r#","exp":7}"#)), token, Some(7000));
        // The same token in the header and in the payload is allowed.
        assert_found(&jws(&with_token(token), &with_token(token)), token, None);
        // The signature and the algorithm of the outer JWT are not checked.
        assert_found(&jws(&with_token(token).replace("RS256", "none"), "{}").replace("c2lnbmF0dXJl", ""), token, None);
    }
    // A JWS has its expiry in the payload, so `exp` in its header is ignored.
    assert_found(&jws(&with_token(NATIVE).replace('}', r#","exp":7}"#), "{}"), NATIVE, None);
}

#[test]
fn jwt_without_embedded_token_gives_none() {
    assert_eq!(embedded_token(&jws(r#"{"alg":"RS256"}"#, r#"{"exp":5}"#)).unwrap(), None);
    assert_eq!(embedded_token(&jwe(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#)).unwrap(), None);
    assert_eq!(embedded_token(&with_claims("")).unwrap(), None);
    // A token in a nested object is not found.
    assert_eq!(embedded_token(&jws("{}", &format!(r#"{{"a":{}}}"#, with_token(NATIVE)))).unwrap(), None);
}

/// A token at a second level is refused, because it would not be clear which token counts.
#[test]
fn doubly_embedded_token_is_refused() {
    for once in [jws(&with_token(NATIVE), "{}"), jws("{}", &with_token(NATIVE)), jwe(&with_token(NATIVE))] {
        assert!(embedded_token(&once).unwrap().is_some());
        for twice in [jws(&with_token(&once), "{}"), jws("{}", &with_token(&once)), jwe(&with_token(&once))] {
            assert_named(embedded_token(&twice), ErrorKind::Jwt, "JWT embeds a JWT that embeds a token");
        }
    }
}

#[test]
fn jwt_form_differs_from_native_tokens() {
    for (text, is_jwt) in [
        ("", false),
        ("a", false),
        (NATIVE, false),
        ("a.b.c", true),
        ("a.b.c.d", false),
        ("a.b.c.d.e", true),
        ("a.b.c.d.e.f", false),
    ] {
        assert_eq!(has_jwt_form(text), is_jwt, "{text}");
        if !is_jwt {
            assert_named(embedded_token(text), ErrorKind::Jwt, "JWT has neither three parts nor five");
        }
    }
    assert!(!has_jwt_form(&".".repeat(Token::MAX_BYTES)));
}

#[test]
fn malformed_outer_jwt_is_refused() {
    let refused = |outer: &str, name: &str| assert_named(embedded_token(outer), ErrorKind::Jwt, name);
    refused(&jws(&with_token("a.b"), &with_token("a.c")), "JWT embeds different tokens in its header and its payload");
    for value in ["1", "{}", "[\"a.b\"]"] {
        let payload = format!(r#"{{"x-ably-token":{value}}}"#);
        refused(&jws("{}", &payload), "embedded token is not a string");
        refused(&jwe(&payload), "embedded token is not a string");
    }
    refused(&jws("{}", r#"{"x-ably-token":"a.b","x-ably-token":"a.b"}"#), "JWT has a claim twice");
    refused(&jws("{}", r#"{"exp":1,"\u0065xp":9,"x-ably-token":"a.b"}"#), "JWT has a claim twice");
    refused(&jws("{}", r#"{"exp":"1","x-ably-token":"a.b"}"#), "JWT has a time that is not a number: `exp`");
    refused(&jws("{}", r#"{"exp":1700000000000,"x-ably-token":"a.b"}"#), "JWT has a time after the year 5138: `exp`");
    refused(&jws("[]", "{}"), "JWT's header is not a JSON object");
    refused(&jws(&with_token("a.b"), "[]"), "JWT's payload is not a JSON object");
    refused(&jwe("7"), "JWT's header is not a JSON object");
    refused(&jws(&with_token("a.b"), "{}").replacen('.', "=.", 1), "JWT has padding");
    refused(&"a".repeat(1 << 20), "JWT is longer than 128 KiB");
    let deep = format!(r#"{{"a":{}}}"#, "[".repeat(90_000));
    refused(&jwe(&deep), "JWT's header is nested more than 32 levels deep");
    for token in ["", "a b", "\\u00e9"] {
        assert_eq!(embedded_token(&jwe(&with_token(token))).unwrap_err().kind(), ErrorKind::Token);
    }
}

#[test]
fn null_members_of_outer_jwt_are_absent() {
    for (header, payload) in [("{}", r#"{"x-ably-token":null}"#), (r#"{"x-ably-token":null,"exp":null}"#, "{}")] {
        assert_eq!(embedded_token(&jws(header, payload)).unwrap(), None);
    }
    let found = embedded_token(&jws(r#"{"x-ably-token":null}"#, r#"{"x-ably-token":"a.b","exp":null}"#));
    let found = found.unwrap().unwrap();
    assert_eq!((found.token().expose(), found.outer_expires()), ("a.b", None));
}

#[test]
fn outer_jwt_must_not_expire_after_inner_token() {
    let outer = |payload: &str| embedded_token(&jws(&with_token(NATIVE), payload)).unwrap().unwrap();
    let inner = Timestamp::from_millis;
    assert!(outer(r#"{"exp":5}"#).check_expires_within(inner(5000)).is_ok());
    assert!(outer(r#"{"exp":4.999}"#).check_expires_within(inner(5000)).is_ok());
    assert!(outer("{}").check_expires_within(inner(0)).is_ok());
    let name = "JWT expires later than the token embedded in it";
    assert_named(outer(r#"{"exp":5.001}"#).check_expires_within(inner(5000)), ErrorKind::Jwt, name);
    assert_named(outer(r#"{"exp":5}"#).check_expires_within(inner(4999)), ErrorKind::Jwt, name);
}

/// In an Ably JWT that embeds a token, both the claims and the token can be read.
#[test]
fn ably_jwt_may_embed_a_token() {
    let jwt = with_claims(&format!(r#""x-ably-token":"{NATIVE}""#));
    assert_eq!(verify(&jwt).unwrap().claims().embedded_token().unwrap().expose(), NATIVE);
    assert_eq!(embedded_token(&jwt).unwrap().unwrap().token().expose(), NATIVE);
}
