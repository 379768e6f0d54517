//! The examples of RFC 7515 and RFC 7519. Their keys are bytes, so what can be accepted is signed again; the unit tests of
//! `credentials/signer.rs` check the signature itself.

use std::time::Duration;

use ably_auth_core::{ErrorKind, Timestamp, UnverifiedJwt};

use super::jwt_support::{HEADER, IAT, assert_named, base64url, key, sign_parts, signed, verify, with_claims};

/// The payload of both RFCs, with their line breaks.
const PAYLOAD: &str = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
/// RFC 7515, appendix A.1, and RFC 7519, section 3.1.
const HS256: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// RFC 7515, appendix A.5, and RFC 7519, section 6.1.
const UNSECURED: &str = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.";

#[test]
fn example_without_key_name_is_refused() {
    assert_eq!(HS256.split('.').nth(1), Some(&*base64url(PAYLOAD.as_bytes())), "the example is the one of the RFC");
    assert_named(UnverifiedJwt::parse(HS256).map(drop), ErrorKind::Jwt, "JWT's header has no `kid`");
}

#[test]
fn unsecured_example_is_refused() {
    assert_named(UnverifiedJwt::parse(UNSECURED).map(drop), ErrorKind::Jwt, "JWT's `alg` is `none`, not `HS256`");
    let with_key = format!("{}.{}.", base64url(br#"{"alg":"none","kid":"app.key"}"#), base64url(PAYLOAD.as_bytes()));
    assert_named(UnverifiedJwt::parse(&with_key).map(drop), ErrorKind::Jwt, "JWT's `alg` is `none`, not `HS256`");
}

/// The headers of appendices A.2 to A.4 of RFC 7515.
#[test]
fn examples_of_other_algorithms_are_refused() {
    for (header, algorithm) in
        [("eyJhbGciOiJSUzI1NiJ9", "RS256"), ("eyJhbGciOiJFUzI1NiJ9", "ES256"), ("eyJhbGciOiJFUzUxMiJ9", "ES512")]
    {
        let token = sign_parts(header, &base64url(PAYLOAD.as_bytes()));
        let problem = format!("JWT's `alg` is `{algorithm}`, not `HS256`");
        assert_named(UnverifiedJwt::parse(&token).map(drop), ErrorKind::Jwt, &problem);
    }
}

/// The header and the claims of the example, with the members that Ably requires.
#[test]
fn claims_of_example_are_read() {
    let header = "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\",\r\n \"kid\":\"app.key\"}";
    let payload = PAYLOAD.replace("{\"iss\"", "{\"iat\":1300819300,\"iss\"");
    let token = signed(header, payload.as_bytes());
    let before = Timestamp::from_millis(1_300_819_379_999);
    let verified = UnverifiedJwt::parse(&token).unwrap().verify(&key().signer(), before, Duration::ZERO).unwrap();
    let others: Vec<_> = verified.claims().others().collect();
    assert_eq!(others, [("http://example.com/is_root", "true"), ("iss", r#""joe""#)]);
    let expires = Timestamp::from_millis(1_300_819_380_000);
    assert_eq!(verified.claims().expires(), expires);
    // RFC 7519, section 4.1.4: the JWT is not accepted on the expiration time.
    let error = UnverifiedJwt::parse(&token).unwrap().verify(&key().signer(), expires, Duration::ZERO).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::JwtExpired);
}

/// RFC 7519, section 2: a time is a number of seconds, which may have a fraction.
#[test]
fn time_with_fraction_is_read() {
    let payload = format!(r#"{{"iat":{IAT}.25,"exp":{}.5}}"#, IAT + 60);
    let jwt = signed(HEADER, payload.as_bytes());
    let at = |millis| {
        let now = Timestamp::from_millis(IAT * 1000 + millis);
        UnverifiedJwt::parse(&jwt).unwrap().verify(&key().signer(), now, Duration::ZERO).is_ok()
    };
    assert_eq!((at(1_000), at(59_000), at(60_999)), (true, true, false));
}

/// RFC 7519, section 4: names of claims are unique, or the JWT is refused.
#[test]
fn repeated_claim_is_refused() {
    assert_named(verify(&with_claims(r#""iss":"joe","iss":"joe""#)).map(drop), ErrorKind::Jwt, "JWT has a claim twice");
}
