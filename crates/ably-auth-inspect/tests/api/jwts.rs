//! The causes of wrong signatures. Each test signs as a mistaken sender does.

use ably_auth_core::ApiKey;
use ably_auth_inspect::{Cause, jwt};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Sha384, Sha512};

use crate::support::{KEY, OTHER_KEY, OTHER_SECRET, SECRET, base64url, hmac};

const HEADER: &str = r#"{"typ":"JWT","alg":"HS256","kid":"app.key"}"#;
const PAYLOAD: &str = r#"{"iat":1449746287,"exp":1449749887,"x-ably-capability":"{\"chat\":[\"*\"]}","sub":"?>~"}"#;

fn explain(jwt: &str) -> Cause {
    jwt::explain_signature(jwt, &ApiKey::parse(KEY).unwrap(), [ApiKey::parse(OTHER_KEY).unwrap()].iter())
}

fn input(header: &str, payload: &str) -> String {
    format!("{}.{}", base64url(header), base64url(payload))
}

/// Returns the title of the cause, which is certain, for a JWT with this signature.
fn title(signature: &str) -> String {
    let cause = explain(&format!("{}.{signature}", input(HEADER, PAYLOAD)));
    assert!(cause.is_certain, "{cause:?}");
    cause.title
}

fn title_of_secret(secret: impl AsRef<[u8]>) -> String {
    title(&base64url(hmac(secret, input(HEADER, PAYLOAD))))
}

fn title_of_input(input: &str) -> String {
    title(&base64url(hmac(SECRET, input)))
}

#[test]
fn right_signature_is_named() {
    assert_eq!(title_of_secret(SECRET), "The signature is right");
}

#[test]
fn other_secrets_are_found() {
    assert_eq!(title_of_secret(KEY), "The whole key was used as the secret");
    assert_eq!(title_of_secret(URL_SAFE.decode(SECRET).unwrap()), "The secret was decoded from base64 first");
    assert_eq!(title_of_secret(format!("{SECRET}\n")), "White space follows the secret");
    assert_eq!(title_of_secret(""), "The secret is empty");
    assert_eq!(title_of_secret(OTHER_SECRET), "The secret of another key was used");
}

#[test]
fn cause_names_the_other_key() {
    let cause =
        explain(&format!("{}.{}", input(HEADER, PAYLOAD), base64url(hmac(OTHER_SECRET, input(HEADER, PAYLOAD)))));
    assert!(cause.explanation.contains("the secret of `app.other`"), "{}", cause.explanation);
    assert!(cause.fix.contains("name the key `app.other`"), "{}", cause.fix);
}

#[test]
fn other_header_is_found() {
    for signed in [
        r#"{"alg":"HS256","typ":"JWT"}"#,
        r#"{"alg":"HS256","kid":"app.key"}"#,
        r#"{"alg":"HS256","typ":"JWT","kid":"app.key"}"#,
        r#"{"typ": "JWT", "alg": "HS256", "kid": "app.key"}"#,
    ] {
        assert_eq!(title_of_input(&input(signed, PAYLOAD)), "The header was changed after signing", "{signed}");
    }
}

#[test]
fn payload_that_was_encoded_again_is_found() {
    let spaced = r#"{"iat": 1449746287, "exp": 1449749887, "x-ably-capability": "{\"chat\":[\"*\"]}", "sub": "?>~"}"#;
    assert_eq!(title_of_input(&input(HEADER, spaced)), "The payload was encoded again after signing");
    let sorted = r#"{"exp":1449749887,"iat":1449746287,"sub":"?>~","x-ably-capability":"{\"chat\":[\"*\"]}"}"#;
    assert_eq!(title_of_input(&input(HEADER, sorted)), "The payload was encoded again after signing");
}

#[test]
fn other_inputs_are_found() {
    let standard = [HEADER, PAYLOAD].map(|json| STANDARD.encode(json)).join(".");
    assert_eq!(title_of_input(&standard), "The parts were signed in another encoding");
    let padded = [HEADER, PAYLOAD].map(|json| URL_SAFE.encode(json)).join(".");
    assert_eq!(title_of_input(&padded), "The parts were signed in another encoding");
    assert_eq!(title_of_input(&format!("{HEADER}.{PAYLOAD}")), "The JSON itself was signed");
    assert_eq!(title_of_input(&base64url(PAYLOAD)), "Only the payload was signed");
    assert_eq!(title_of_input(PAYLOAD), "Only the payload was signed");
    assert_eq!(title_of_input(&input(HEADER, PAYLOAD).replace('.', "")), "The dot was not signed");
    assert_eq!(title_of_input(&(input(HEADER, PAYLOAD) + "\n")), "A line feed was signed");
}

#[test]
fn signature_in_standard_base64_is_found() {
    let signature = hmac(SECRET, input(HEADER, PAYLOAD));
    assert_eq!(title(&STANDARD.encode(signature)), "The signature is not in base64url without padding");
}

#[test]
fn other_algorithms_are_found() {
    let input = input(HEADER, PAYLOAD);
    let hs512 = Hmac::<Sha512>::new_from_slice(SECRET.as_bytes()).unwrap().chain_update(&input).finalize().into_bytes();
    assert_eq!(title(&base64url(hs512)), "The JWT was signed with HS512");
    let hs384 = Hmac::<Sha384>::new_from_slice(KEY.as_bytes()).unwrap().chain_update(&input).finalize().into_bytes();
    assert_eq!(title(&base64url(hs384)), "The whole key was used as the secret; The JWT was signed with HS384");
    let other = "The JWT was signed with another algorithm than HS256";
    assert_eq!(title(&base64url([7; 256])), other);
    let header = base64url(r#"{"alg":"ES256","kid":"app.key"}"#);
    assert_eq!(explain(&format!("{header}.e30.{}", base64url([7; 64]))).title, other);
}

#[test]
fn malformed_jwt_is_named() {
    assert_eq!(title(""), "The JWT is not signed");
    for text in ["", "a", "a.b", "a.b.c.d"] {
        assert_eq!(explain(text).title, "The text is not a signed JWT", "{text}");
    }
}

#[test]
fn mistakes_in_secret_and_input_are_found_together() {
    let header = r#"{"alg":"HS256","typ":"JWT"}"#;
    let signature = base64url(hmac(KEY, input(header, PAYLOAD)));
    let both = "The header was changed after signing; The whole key was used as the secret";
    assert_eq!(title(&signature), both);
}

#[test]
fn unknown_mistake_is_not_certain() {
    let cause = explain(&format!("{}.{}", input(HEADER, PAYLOAD), base64url(hmac("wrong", "text"))));
    assert!(!cause.is_certain && cause.explanation.contains("Ruled out are other headers"), "{cause:?}");
}
