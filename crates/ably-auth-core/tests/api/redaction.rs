//! Secrets, tokens and macs are never shown: not by `Debug`, `Display`, errors or their sources.

use std::error::Error;
use std::fmt::{Debug, Display};

use ably_auth_core::{
    ApiKey, ApiKeyRef, Capability, ClientId, ErrorEnvelope, KeyName, KeySecret, Mac, Nonce, RevokeTokensRequest,
    Signer, Timestamp, Token, TokenDetails, TokenParams, TokenRequest, TokenRevocationTargetSpecifier,
};
use serde_json::json;

use super::support::{NOW, nonce};

const SECRET: &str = "Zq7-Wm2_Xk9Vr4Tb6Hn3";
const TOKEN_REST: &str = "Pf8Qd2Lc5Gj1Ys0Ue-Ra";

fn token() -> String {
    format!("xVLyHw.{TOKEN_REST}")
}

fn key_text() -> String {
    format!("app.key:{SECRET}")
}

fn key() -> ApiKey {
    ApiKey::parse(&key_text()).unwrap()
}

fn signed() -> TokenRequest {
    TokenRequest::sign(&key(), &TokenParams::new(), NOW, nonce()).unwrap()
}

fn mac_text() -> String {
    serde_json::to_value(signed()).unwrap()["mac"].as_str().unwrap().into()
}

/// Returns the leak if the text has six consecutive characters of the secret, the token or the mac, or bytes of the
/// mac.
fn leak(text: &str) -> Option<String> {
    let mac = mac_text();
    for private in [SECRET, TOKEN_REST, mac.trim_end_matches('=')] {
        let mut pieces = (0..=private.len() - 6).map(|at| &private[at..at + 6]);
        if let Some(piece) = pieces.find(|piece| text.contains(piece)) {
            return Some(format!("`{piece}` of `{private}` in `{text}`"));
        }
    }
    // Decodes the first three bytes of the mac from base64.
    let sextet = |c: u8| {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        alphabet.iter().position(|known| *known == c).unwrap()
    };
    let bits = mac.bytes().take(4).fold(0, |bits, c| bits << 6 | sextet(c));
    let bytes = [bits >> 16 & 0xff, bits >> 8 & 0xff, bits & 0xff];
    let numbers: Vec<_> = text.split(|c: char| !c.is_ascii_digit()).filter(|number| !number.is_empty()).collect();
    let listed = numbers.windows(3).any(|three| three.iter().zip(bytes).all(|(text, byte)| *text == byte.to_string()));
    let hexadecimal = bytes.map(|byte| format!("{byte:02x}")).concat();
    (listed || text.to_lowercase().contains(&hexadecimal)).then(|| format!("the mac's bytes in `{text}`"))
}

#[track_caller]
fn assert_silent(text: &str) {
    if let Some(leak) = leak(text) {
        panic!("{leak}");
    }
}

#[track_caller]
fn assert_debug_is_silent(value: &impl Debug) {
    assert_silent(&format!("{value:?}"));
    assert_silent(&format!("{value:#?}"));
}

#[track_caller]
fn assert_error_is_silent(error: &(dyn Error + 'static)) {
    let mut next = Some(error);
    while let Some(error) = next {
        assert_silent(&error.to_string());
        assert_debug_is_silent(&error);
        next = error.source();
    }
}

/// Returns the error of parsing a wrong text that contains the secret, and checks that the error does not show it.
#[track_caller]
fn assert_refused_silently<T: Debug, E: Error + 'static>(read: Result<T, E>) {
    match read {
        Ok(value) => panic!("{value:?} should have been refused"),
        Err(error) => assert_error_is_silent(&error),
    }
}

/// The search finds leaks.
#[test]
fn leaks_are_found() {
    assert!(leak(SECRET).is_some() && leak(&token()).is_some() && leak(&mac_text()).is_some());
    assert!(leak(&format!("x{}x", &SECRET[3..9])).is_some() && leak("xVLyHw.[redacted]").is_none());
    let signer = key().signer().sign(&super::support::fields(&serde_json::to_value(signed()).unwrap())).unwrap();
    assert_eq!(signer.to_base64(), mac_text().as_bytes());
}

/// `Debug` of every type with a secret, a token or a mac hides it.
#[test]
fn debug_shows_no_secret() {
    let (key, key_text, request) = (key(), key_text(), signed());
    assert_debug_is_silent(&key);
    assert_debug_is_silent(&ApiKeyRef::parse(&key_text).unwrap());
    assert_debug_is_silent(key.secret());
    assert_debug_is_silent(&key.signer());
    assert_debug_is_silent(&Token::new(&token()).unwrap());
    assert_debug_is_silent(&Mac::from_base64(&mac_text()).unwrap());
    assert_debug_is_silent(&request);
    assert_debug_is_silent(&request.verify(&key).unwrap());
    assert_debug_is_silent(&TokenDetails::from_token(Token::new(&token()).unwrap()));
    let json = json!({"token": token(), "keyName": "app.key", "another": token()});
    assert_debug_is_silent(&serde_json::from_value::<TokenDetails>(json).unwrap());
    let mut json = serde_json::to_value(&request).unwrap();
    json["another"] = json!(mac_text());
    assert_debug_is_silent(&serde_json::from_value::<TokenRequest>(json).unwrap());
    // Public values are shown, so that two values can be distinguished.
    for text in [format!("{key:?}"), format!("{request:?}"), format!("{:?}", ApiKeyRef::parse(&key_text).unwrap())] {
        assert!(text.contains("app.key"), "{text}");
    }
}

/// No type with a secret, a token or a mac has `Display`, so that it cannot be printed by mistake.
#[test]
fn secret_types_have_no_display() {
    trait NotDisplay<Marker> {
        const HOLDS: bool = true;
    }
    impl<T: ?Sized> NotDisplay<()> for T {}
    impl<T: ?Sized + Display> NotDisplay<u8> for T {}
    // If a type had `Display`, two implementations would apply, and this would not compile.
    const {
        assert!(<ApiKey as NotDisplay<_>>::HOLDS && <ApiKeyRef<'_> as NotDisplay<_>>::HOLDS);
        assert!(<KeySecret as NotDisplay<_>>::HOLDS && <Token as NotDisplay<_>>::HOLDS);
        assert!(<Mac as NotDisplay<_>>::HOLDS && <Signer as NotDisplay<_>>::HOLDS);
        assert!(<TokenDetails as NotDisplay<_>>::HOLDS && <TokenRequest as NotDisplay<_>>::HOLDS);
    }
}

/// The error for an invalid key does not show its secret, even if the key is in place of its name.
#[test]
fn key_error_shows_no_secret() {
    let mistakes = [
        SECRET.into(),
        format!(":{SECRET}"),
        format!("app:{SECRET}"),
        format!(".key:{SECRET}"),
        format!("app.:{SECRET}"),
        format!("app.key{SECRET}"),
        format!("app.key {SECRET}"),
        format!("app.key :{SECRET}"),
        format!("app.key:{SECRET} "),
        format!("app.key:{SECRET}\n"),
        format!("app.key:{SECRET}\0"),
        format!("app.key:{SECRET}:x"),
        format!("app.key:{SECRET}.x"),
        format!("app.key:x:{SECRET}"),
        format!("{SECRET}:app.key"),
        format!("app.key.{SECRET}:x"),
    ];
    for text in &mistakes {
        assert_refused_silently(ApiKey::parse(text));
        assert_refused_silently(ApiKeyRef::parse(text));
    }
    let name = KeyName::parse("app.key").unwrap();
    assert_refused_silently(ApiKey::from_parts(name, &key_text()));
    assert_refused_silently(KeyName::parse(&key_text()));
    assert_refused_silently(serde_json::from_value::<KeyName>(json!(key_text())));
    assert_refused_silently(serde_json::from_str::<KeyName>(&json!(key_text()).to_string()));
}

/// An error does not show a token, a key or a mac that was passed in the wrong place.
#[test]
fn error_hides_misplaced_secret() {
    for text in [key_text(), token(), mac_text(), format!("eyJ0eXAi.eyJ4.{TOKEN_REST}")] {
        assert_refused_silently(Token::new(&format!("{text}\n")));
        assert_refused_silently(Token::new(&format!("Bearer {text}")));
        assert_refused_silently(Mac::from_base64(&format!("{text}=")));
        assert_refused_silently(Capability::parse_strict(&text));
        assert_refused_silently(Capability::parse_lenient(&text));
        assert_refused_silently(Capability::parse_strict(&json!({"token": text}).to_string()));
        assert_refused_silently(ClientId::parse(&format!("{text}\n")));
        assert_refused_silently(Nonce::parse(&format!("{text}\n")));
        assert_refused_silently(KeyName::parse(&format!("{text}/")));
        assert_refused_silently(serde_json::from_value::<Timestamp>(json!(text)));
        assert_refused_silently(serde_json::from_value::<Token>(json!(format!("{text}\n"))));
    }
}

/// An error does not show a value that is in the wrong field of JSON.
#[test]
fn json_error_hides_misplaced_secret() {
    for field in ["issued", "expires", "keyName"] {
        let json = json!({"token": token(), field: format!("{} ", token())}).to_string();
        assert_refused_silently(serde_json::from_str::<TokenDetails>(&json));
    }
    for json in [
        json!({"token": format!("{}\n", token())}),
        json!({"token": {"token": token()}}),
        json!({"token": [token()]}),
        json!({"token": token(), "keyName": key_text()}),
        json!({"token": token(), "clientId": {"x": token()}}),
        json!({"token": token(), "clientId": format!("{}\n", token())}),
        json!({"token": token(), "capability": [token()]}),
        json!([token()]),
        json!({"tokens": token()}),
    ] {
        assert_refused_silently(serde_json::from_str::<TokenDetails>(&json.to_string()));
        assert_refused_silently(serde_json::from_value::<TokenDetails>(json));
    }
    for json in [
        json!({"keyName": "app.key", "mac": [mac_text()]}),
        json!({"keyName": [key_text()], "mac": mac_text()}),
        json!({"keyName": "app.key", "ttl": [mac_text()]}),
        json!({"mac": mac_text()}),
    ] {
        assert_refused_silently(serde_json::from_str::<TokenRequest>(&json.to_string()));
        assert_refused_silently(serde_json::from_value::<TokenRequest>(json));
    }
    let text = json!({"keyName": "app.key", "mac": mac_text()}).to_string();
    for end in 1..text.len() {
        assert_refused_silently(serde_json::from_str::<TokenRequest>(&text[..end]));
    }
    let twice = format!(r#"{{"keyName":"app.key","mac":"{0}","mac":"{0}"}}"#, mac_text());
    assert_refused_silently(serde_json::from_str::<TokenRequest>(&twice));
}

/// A token in place of a number in a token request is refused when the number is used. The error does not show it.
#[test]
fn number_error_hides_misplaced_token() {
    let mut json = serde_json::to_value(signed()).unwrap();
    json["timestamp"] = json!(token());
    json["ttl"] = json!(token());
    let request: TokenRequest = serde_json::from_value(json).unwrap();
    assert_refused_silently(request.verify(&key()));
    let trusted = request.trust_key_holder(key().key_name()).unwrap();
    assert_refused_silently(trusted.timestamp());
    assert_refused_silently(trusted.ttl());
}

/// A JSON string in place of token details or of a token request is refused. The error does not show it, because an
/// auth URL may return a token in this form.
#[test]
fn error_hides_bare_string() {
    for text in [token(), mac_text(), key_text()] {
        assert_refused_silently(serde_json::from_str::<TokenDetails>(&json!(text).to_string()));
        assert_refused_silently(serde_json::from_value::<TokenDetails>(json!(text)));
        assert_refused_silently(serde_json::from_str::<TokenRequest>(&json!(text).to_string()));
        assert_refused_silently(serde_json::from_value::<TokenRequest>(json!(text)));
    }
}

/// A response of another form that contains a token is not parsed as an error, and is not shown.
#[test]
fn error_hides_token_in_response() {
    assert_refused_silently(serde_json::from_value::<ErrorEnvelope>(json!({"token": token()})));
}

/// A whole key in place of its name is refused. Neither the error nor `Debug` shows it.
#[test]
fn whole_key_in_key_name_is_not_shown() {
    let mut json = serde_json::to_value(signed()).unwrap();
    json["keyName"] = json!(key_text());
    match serde_json::from_value::<TokenRequest>(json) {
        Err(error) => assert_error_is_silent(&error),
        Ok(request) => {
            assert_error_is_silent(&request.verify(&key()).unwrap_err());
            assert_error_is_silent(&request.trust_key_holder(key().key_name()).unwrap_err());
            assert_debug_is_silent(&request);
        }
    }
}

/// A token in place of a revocation target is refused. The error does not show it.
#[test]
fn token_in_revocation_target_is_not_shown() {
    assert_refused_silently(TokenRevocationTargetSpecifier::parse(&token()));
    assert_refused_silently(serde_json::from_value::<RevokeTokensRequest>(json!({"targets": [token()]})));
}

/// A verified request and the fields to sign show no mac.
#[test]
fn verified_request_shows_no_mac() {
    let request = signed();
    let verified: ably_auth_core::VerifiedTokenRequest<'_> = request.verify(&key()).unwrap();
    assert_debug_is_silent(&verified);
    let fields = ably_auth_core::TokenRequestFields {
        key_name: "app.key",
        ttl: None,
        capability: None,
        client_id: None,
        timestamp: Timestamp::from_millis(0),
        nonce: "9000000830710428",
    };
    assert_debug_is_silent(&fields);
}

/// No type for JWTs shows a JWT, its signature, or an embedded token.
#[test]
fn jwt_types_show_no_token() {
    use ably_auth_core::jwt::{
        self, ClaimValue, EmbeddedToken, HeaderFit, JwtClaims, JwtFields, JwtText, UnverifiedJwt, VerifiedJwt,
    };

    let others = [("x-own", ClaimValue::Text("value"))];
    let inner = token();
    let fields = JwtFields {
        embedded_token: Some(&inner),
        others: &others,
        ..JwtFields::new("app.key", NOW, ably_auth_core::Ttl::DEFAULT)
    };
    assert_debug_is_silent(&fields);
    assert_debug_is_silent(&others[0].1);
    let minted = fields.mint(&key().signer()).unwrap();
    let signature = minted.expose().rsplit_once('.').unwrap().1;
    let unverified: UnverifiedJwt<'_> = UnverifiedJwt::parse(minted.expose()).unwrap();
    let claims: JwtClaims = unverified.decode_without_verifying().unwrap();
    let verified: VerifiedJwt = unverified.clone().verify(&key().signer(), NOW, core::time::Duration::ZERO).unwrap();
    let embedded: EmbeddedToken = jwt::embedded_token(minted.expose()).unwrap().unwrap();
    let text: JwtText = JwtText::parse(minted.expose()).unwrap();
    assert_debug_is_silent(&text);
    for shown in [
        format!("{text:?}"),
        format!("{unverified:?}"),
        format!("{claims:?}"),
        format!("{verified:#?}"),
        format!("{embedded:?}"),
    ] {
        assert!(!shown.contains(signature) && !shown.contains(&inner), "{shown}");
    }
    assert_debug_is_silent(&unverified);
    assert_debug_is_silent(&claims);
    assert_debug_is_silent(&verified);
    assert_debug_is_silent(&embedded);
    assert_debug_is_silent(&HeaderFit::of(minted.expose()));
}
