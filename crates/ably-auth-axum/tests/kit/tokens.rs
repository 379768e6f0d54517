//! Tokens that are accepted, and the codes with which others are refused.

use std::time::Duration;

use ably_auth_axum::{
    ApiKey, Authenticate, Authenticated, Capability, ClientId, ErrorCode, Refusal, Timestamp, Token, Ttl,
    VerifiedToken, Verifier, VerifyToken,
};
use ably_auth_core::JwtFields;
use ably_auth_core::jwt::ClaimValue;
use axum::Router;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::Request;
use sha2::Sha256;
use test_support::{SHOP_KEY, basic, bearer};

use crate::support::{Answer, NOW, capability, key, mint, mint_with, other_key, send, verifier, with_token};

fn app(verifier: Verifier) -> Router {
    let whoami = |sender: Authenticated| async move { sender.token().capability().to_string() };
    Router::new().route("/", get(whoami)).layer(Authenticate::new(verifier))
}

async fn verify(verifier: Verifier, token: &Token) -> Answer {
    with_token(&app(verifier), token, Request::get("/")).await
}

async fn with_header(header: &str) -> Answer {
    send(&app(verifier()), Request::get("/").header("authorization", header).body(String::new().into()).unwrap()).await
}

/// Returns a JWT with this header, signed with the key's secret or with an invalid signature.
fn forged(header: &str, payload: &str, is_signed: bool) -> Token {
    let text = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    let signature = if is_signed { signature(&text) } else { "A".repeat(43) };
    Token::new(&format!("{text}.{signature}")).unwrap()
}

/// Returns the signature of a text with the key's secret, computed without the JWT code under test.
fn signature(text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key().secret().expose().as_bytes()).unwrap();
    mac.update(text.as_bytes());
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

fn claims() -> String {
    let now = NOW.as_millis() / 1000;
    format!(r#"{{"iat":{now},"exp":{},"x-ably-capability":"{{\"chat\":[\"*\"]}}"}}"#, now + 60)
}

/// Ably's package for Laravel writes `"x-ably-clientId":null` for guests, and some languages write times as floats.
#[tokio::test]
async fn null_claims_and_times_with_exponent_are_read() {
    let header = format!(r#"{{"alg":"HS256","kid":"{}"}}"#, key().key_name());
    let now = NOW.as_millis() / 1000;
    let times = format!(r#""iat":{now}0e-1,"exp":{}0e-1"#, now + 60);
    for (more, code) in [
        (r#""x-ably-clientId":null"#, None),
        (r#""x-ably-clientId":null,"x-ably-revocation-key":null,"x-ably-clientType":null,"nbf":null"#, None),
        (r#""x-ably-capability":null"#, Some((401, 40144))),
        (r#""x-ably-clientId":"""#, Some((400, 40012))),
    ] {
        let answer = verify(verifier(), &forged(&header, &format!("{{{times},{more}}}"), true)).await;
        assert_eq!((answer.status != 200).then(|| answer.refused()), code, "{more}: {}", answer.body);
    }
}

#[tokio::test]
async fn jwt_of_known_key_is_accepted_plain_and_in_base64() {
    let token = mint(|jwt| jwt.capability = Some(r#"{"chat":["publish"]}"#));
    assert_eq!(verify(verifier(), &token).await.body, r#"{"chat":["publish"]}"#);
    for header in [
        format!("bearer  {}", token.expose()),
        bearer(&STANDARD.encode(token.expose())),
        format!("Bearer {}", URL_SAFE_NO_PAD.encode(token.expose())),
    ] {
        assert_eq!(with_header(&header).await.status, 200, "{header}");
    }
    let all = verify(verifier(), &mint(|_| {})).await;
    assert_eq!(all.body, r#"{"[*]*":["*"]}"#, "a JWT without a capability has all rights of the key");
}

#[tokio::test]
async fn capability_of_key_limits_its_jwts() {
    let limited =
        || Verifier::new(Duration::ZERO).clock(|| NOW).key_limited_to(&key(), capability(r#"{"a:*":["publish"]}"#));
    assert_eq!(verify(limited(), &mint(|_| {})).await.body, r#"{"a:*":["publish"]}"#);
    let some = mint(|jwt| jwt.capability = Some(r#"{"a:b":["*"],"c":["*"]}"#));
    assert_eq!(verify(limited(), &some).await.body, r#"{"a:b":["publish"]}"#);
    let none = mint(|jwt| jwt.capability = Some(r#"{"c":["*"]}"#));
    assert_eq!(verify(limited(), &none).await.refused(), (401, 40160));
}

#[tokio::test]
async fn missing_or_malformed_token_is_refused() {
    let app = app(verifier());
    let request = || Request::get("/");
    assert_eq!(send(&app, request().body(String::new().into()).unwrap()).await.refused(), (401, 40101));
    let basic = basic(SHOP_KEY);
    let of_key = with_header(&basic).await;
    assert_eq!(of_key.refused(), (401, 40101));
    assert!(!of_key.body.contains("a-secret"));
    for (header, code) in
        [("Digest x", 40101), ("Bearer", 40145), ("Bearer !", 40145), ("Bearer a.b", 40143), ("Bearer a b.c", 40145)]
    {
        assert_eq!(with_header(header).await.refused(), (401, code), "{header}");
    }
    let twice = request().header("authorization", "Bearer a.b").header("authorization", "Bearer c.d");
    assert_eq!(send(&app, twice.body(String::new().into()).unwrap()).await.refused(), (401, 40005));
}

#[tokio::test]
async fn token_in_query_is_accepted_only_if_allowed() {
    let token = mint(|_| {});
    let whoami = || get(|_: Authenticated| async { "here" });
    let by_header = Router::new().route("/", whoami()).layer(Authenticate::new(verifier()));
    let by_query = Router::new().route("/", whoami()).layer(Authenticate::new(verifier()).or_in_query());
    for name in ["accessToken", "access_token"] {
        let uri = format!("/?{name}={}", token.expose());
        assert_eq!(crate::support::get(&by_header, &uri).await.refused(), (401, 40101));
        assert_eq!(crate::support::get(&by_query, &uri).await.status, 200);
    }
    assert_eq!(crate::support::get(&by_query, "/?accessToken=a.b").await.refused(), (401, 40143));
    let key = &format!("/?key={SHOP_KEY}");
    assert_eq!(crate::support::get(&by_query, key).await.refused(), (401, 40101));
}

/// Only HS256 is accepted. Other algorithms are refused with any signature.
#[tokio::test]
async fn other_algorithms_are_refused_signed_or_not() {
    for is_signed in [false, true] {
        for alg in [
            r#""alg":"none""#,
            r#""alg":"None""#,
            r#""alg":"RS256""#,
            r#""alg":"HS512""#,
            r#""alg":"hs256""#,
            r#""x":1"#,
        ] {
            let token = forged(&format!(r#"{{"typ":"JWT",{alg},"kid":"shop.backend"}}"#), &claims(), is_signed);
            assert_eq!(verify(verifier(), &token).await.refused(), (401, 40144), "{alg}");
        }
    }
    let header = r#"{"typ":"JWT","alg":"HS256","kid":"shop.backend"}"#;
    assert_eq!(verify(verifier(), &forged(header, &claims(), true)).await.status, 200, "the helper signs correctly");
    assert_eq!(verify(verifier(), &forged(header, &claims(), false)).await.refused(), (401, 40144));
}

#[tokio::test]
async fn jwt_must_be_signed_by_its_named_key() {
    let theirs = ApiKey::parse("shop.backend:not-the-secret").unwrap();
    assert_eq!(verify(verifier(), &mint_with(&theirs, |_| {})).await.refused(), (401, 40144));
    assert_eq!(verify(verifier(), &mint_with(&other_key(), |_| {})).await.refused(), (401, 40143));
    let both = verifier().key(&other_key());
    assert_eq!(verify(both, &mint_with(&other_key(), |_| {})).await.status, 200);
}

#[tokio::test]
async fn jwt_is_valid_within_its_times_plus_leeway() {
    let at = |millis: u64, leeway: u64| {
        Verifier::new(Duration::from_secs(leeway)).clock(move || Timestamp::from_millis(millis)).key(&key())
    };
    let start = NOW.as_millis() / 1000 * 1000;
    let minute = mint(|jwt| jwt.ttl = Ttl::from_millis(60_000).unwrap());
    let later = mint(|jwt| jwt.not_before = Some(Timestamp::from_millis(start + 10_000)));
    let expired = Err((401, 40142));
    let early = Err((401, 40144));
    let cases = [
        (&minute, start, 0, Ok(())),
        (&minute, start + 59_999, 0, Ok(())),
        (&minute, start + 60_000, 0, expired),
        (&minute, start + 61_999, 2, Ok(())),
        (&minute, start + 62_000, 2, expired),
        (&minute, start - 1, 0, early),
        (&minute, start - 2_000, 2, Ok(())),
        (&minute, start - 2_001, 2, early),
        (&later, start + 9_999, 0, early),
        (&later, start + 10_000, 0, Ok(())),
        (&later, start + 8_000, 2, Ok(())),
    ];
    for (token, now, leeway, expected) in cases {
        let answer = verify(at(now, leeway), token).await;
        let outcome = if answer.status == 200 { Ok(()) } else { Err(answer.refused()) };
        assert_eq!(outcome, expected, "{now} {leeway}");
    }
}

#[tokio::test]
async fn jwt_with_lifetime_over_a_day_is_refused() {
    let now = NOW.as_millis() / 1000;
    let header = r#"{"typ":"JWT","alg":"HS256","kid":"shop.backend"}"#;
    let lives = |seconds: u64| forged(header, &format!(r#"{{"iat":{now},"exp":{}}}"#, now + seconds), true);
    assert_eq!(verify(verifier(), &lives(86_400)).await.status, 200);
    assert_eq!(verify(verifier(), &lives(86_401)).await.refused(), (400, 40003));
}

#[tokio::test]
async fn invalid_claim_is_refused() {
    let wrong = mint(|jwt| jwt.capability = Some(r#"{"chat":["pubish"]}"#));
    assert_eq!(verify(verifier(), &wrong).await.refused(), (401, 40144));
    let header = r#"{"typ":"JWT","alg":"HS256","kid":"shop.backend"}"#;
    let nobody = claims().replace(r#""iat""#, r#""x-ably-clientId":"","iat""#);
    assert_eq!(verify(verifier(), &forged(header, &nobody, true)).await.refused(), (400, 40012));
}

#[tokio::test]
async fn revoked_jwt_is_refused_with_40141() {
    let revoking = || verifier().revoked_if(|token| token.claims().and_then(|it| it.revocation_key()) == Some("basic"));
    let basic = mint(|jwt| jwt.revocation_key = Some("basic"));
    assert_eq!(verify(revoking(), &basic).await.refused(), (401, 40141));
    assert_eq!(verify(revoking(), &mint(|_| {})).await.status, 200);
    assert_eq!(
        verify(revoking().clock(|| Timestamp::from_millis(NOW.as_millis() + 7_200_000)), &basic).await.refused(),
        (401, 40142)
    );
}

/// A verifier that knows one token, and answers asynchronously.
struct Opaque;

#[async_trait::async_trait]
impl VerifyToken for Opaque {
    async fn verify_token(&self, token: &Token) -> Result<VerifiedToken, Refusal> {
        tokio::task::yield_now().await;
        if token.expose() != "shop.opaque" {
            return Err(Refusal::new(ErrorCode::TOKEN_UNRECOGNISED, "the token is unknown; request a new one"));
        }
        let lifetime = (NOW, NOW.saturating_add(Ttl::DEFAULT));
        let rights: Capability = capability(r#"{"opaque":["subscribe"]}"#);
        Ok(VerifiedToken::new(key().key_name().clone(), ClientId::None, rights, lifetime))
    }
}

#[tokio::test]
async fn tokens_of_other_kind_are_passed_to_other_verifier() {
    let both = || verifier().otherwise(Opaque);
    let opaque = Token::new("shop.opaque").unwrap();
    assert_eq!(verify(both(), &opaque).await.body, r#"{"opaque":["subscribe"]}"#);
    assert_eq!(verify(both(), &Token::new("shop.else").unwrap()).await.refused(), (401, 40143));
    assert_eq!(
        verify(both(), &mint_with(&other_key(), |_| {})).await.refused(),
        (401, 40143),
        "the other verifier does not know it either"
    );
    assert_eq!(verify(both(), &mint(|_| {})).await.status, 200);
    let theirs = ApiKey::parse("shop.backend:not-the-secret").unwrap();
    assert_eq!(
        verify(both(), &mint_with(&theirs, |_| {})).await.refused(),
        (401, 40144),
        "a forged JWT is not passed on"
    );
    assert_eq!(verify(verifier(), &opaque).await.refused(), (401, 40143));
}

/// Returns an outer JWT with an arbitrary algorithm and signature.
fn around(inner: &Token, exp: Option<u64>) -> Token {
    let exp = exp.map_or_else(String::new, |exp| format!(r#","exp":{exp}"#));
    let payload = format!(r#"{{"x-ably-token":"{}"{exp}}}"#, inner.expose());
    let text = [r#"{"alg":"RS256"}"#, &payload].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    Token::new(&format!("{text}.c2ln")).unwrap()
}

#[tokio::test]
async fn embedded_token_determines_rights() {
    let inner = mint(|jwt| jwt.capability = Some(r#"{"chat":["publish"]}"#));
    assert_eq!(verify(verifier(), &around(&inner, None)).await.body, r#"{"chat":["publish"]}"#);
    let expires = NOW.as_millis() / 1000 + 3_600;
    assert_eq!(verify(verifier(), &around(&inner, Some(expires))).await.status, 200);
    assert_eq!(verify(verifier(), &around(&inner, Some(expires + 1))).await.refused(), (401, 40144));
    let theirs = ApiKey::parse("shop.backend:not-the-secret").unwrap();
    assert_eq!(verify(verifier(), &around(&mint_with(&theirs, |_| {}), None)).await.refused(), (401, 40144));
    assert_eq!(verify(verifier(), &around(&around(&inner, None), None)).await.refused(), (401, 40144));
    let opaque = Token::new("shop.opaque").unwrap();
    assert_eq!(verify(verifier().otherwise(Opaque), &around(&opaque, None)).await.status, 200);
    // A JWT of a known key that embeds another token has the rights of that token, and no more.
    let ours = mint(|jwt| jwt.embedded_token = Some("shop.unknown"));
    assert_eq!(verify(verifier(), &ours).await.refused(), (401, 40143));
}

#[tokio::test]
async fn claims_are_passed_to_handler() {
    let fields = JwtFields {
        others: &[("tier", ClaimValue::Text("gold"))],
        ..JwtFields::new("shop.backend", NOW, Ttl::DEFAULT)
    };
    let token = fields.mint(&key().signer()).unwrap();
    let tier = |sender: Authenticated| async move {
        let claims = sender.token().claims().unwrap().others().map(|(name, json)| format!("{name}={json}"));
        claims.collect::<String>()
    };
    let app = Router::new().route("/", get(tier)).layer(Authenticate::new(verifier()));
    assert_eq!(with_token(&app, &token, Request::get("/")).await.body, r#"tier="gold""#);
}
