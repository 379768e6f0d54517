//! Which tokens are taken, and with what code the others are refused.

use std::time::Duration;

use ably_auth_axum::{
    ApiKey, Authenticated, Capability, ClientId, ErrorCode, Refusal, Timestamp, Token, Ttl, VerifiedToken, Verifier,
    VerifyToken,
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

use crate::support::{Answer, NOW, capability, key, mint, mint_with, other_key, send, verifier, with_token};

fn app(verifier: Verifier) -> Router {
    let whoami = |sender: Authenticated| async move { sender.token().capability().to_string() };
    Router::new().route("/", get(whoami)).layer(verifier.layer())
}

async fn shown(verifier: Verifier, token: &Token) -> Answer {
    with_token(&app(verifier), token, Request::get("/")).await
}

async fn with_header(header: &str) -> Answer {
    send(&app(verifier()), Request::get("/").header("authorization", header).body(String::new().into()).unwrap()).await
}

/// A JWT with that header, signed with the key's secret or with nothing.
fn forged(header: &str, payload: &str, is_signed: bool) -> Token {
    let text = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    let signature = if is_signed { signature(&text) } else { "A".repeat(43) };
    Token::new(&format!("{text}.{signature}")).unwrap()
}

/// The signature of a text with the key's secret, by a library that knows nothing of JWTs.
fn signature(text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key().secret().expose().as_bytes()).unwrap();
    mac.update(text.as_bytes());
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

fn claims() -> String {
    let now = NOW.as_millis() / 1000;
    format!(r#"{{"iat":{now},"exp":{},"x-ably-capability":"{{\"chat\":[\"*\"]}}"}}"#, now + 60)
}

#[tokio::test]
async fn a_jwt_of_a_known_key_is_taken_plain_and_in_base64() {
    let token = mint(|jwt| jwt.capability = Some(r#"{"chat":["publish"]}"#));
    assert_eq!(shown(verifier(), &token).await.body, r#"{"chat":["publish"]}"#);
    for header in [
        format!("bearer  {}", token.expose()),
        format!("Bearer {}", STANDARD.encode(token.expose())),
        format!("Bearer {}", URL_SAFE_NO_PAD.encode(token.expose())),
    ] {
        assert_eq!(with_header(&header).await.status, 200, "{header}");
    }
    let all = shown(verifier(), &mint(|_| {})).await;
    assert_eq!(all.body, r#"{"[*]*":["*"]}"#, "one without a capability has what its key has");
}

#[tokio::test]
async fn a_key_s_capability_limits_its_jwts() {
    let limited =
        || Verifier::new(Duration::ZERO).clock(|| NOW).key_limited_to(&key(), capability(r#"{"a:*":["publish"]}"#));
    assert_eq!(shown(limited(), &mint(|_| {})).await.body, r#"{"a:*":["publish"]}"#);
    let some = mint(|jwt| jwt.capability = Some(r#"{"a:b":["*"],"c":["*"]}"#));
    assert_eq!(shown(limited(), &some).await.body, r#"{"a:b":["publish"]}"#);
    let none = mint(|jwt| jwt.capability = Some(r#"{"c":["*"]}"#));
    assert_eq!(shown(limited(), &none).await.refused(), (401, 40160));
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let app = app(verifier());
    let request = || Request::get("/");
    assert_eq!(send(&app, request().body(String::new().into()).unwrap()).await.refused(), (401, 40101));
    let basic = format!("Basic {}", STANDARD.encode("shop.backend:a-secret-of-the-shop"));
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
async fn a_token_in_the_query_is_taken_only_where_that_is_said() {
    let token = mint(|_| {});
    let whoami = || get(|_: Authenticated| async { "here" });
    let by_header = Router::new().route("/", whoami()).layer(verifier().layer());
    let by_query = Router::new().route("/", whoami()).layer(verifier().layer().or_in_query());
    for name in ["accessToken", "access_token"] {
        let uri = format!("/?{name}={}", token.expose());
        assert_eq!(crate::support::get(&by_header, &uri).await.refused(), (401, 40101));
        assert_eq!(crate::support::get(&by_query, &uri).await.status, 200);
    }
    assert_eq!(crate::support::get(&by_query, "/?accessToken=a.b").await.refused(), (401, 40143));
    let key = "/?key=shop.backend:a-secret-of-the-shop";
    assert_eq!(crate::support::get(&by_query, key).await.refused(), (401, 40101));
}

/// HS256 is all there is: what else a header may say, the answer is no, whatever the signature.
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
            assert_eq!(shown(verifier(), &token).await.refused(), (401, 40144), "{alg}");
        }
    }
    let header = r#"{"typ":"JWT","alg":"HS256","kid":"shop.backend"}"#;
    assert_eq!(shown(verifier(), &forged(header, &claims(), true)).await.status, 200, "the forger knows how to sign");
    assert_eq!(shown(verifier(), &forged(header, &claims(), false)).await.refused(), (401, 40144));
}

#[tokio::test]
async fn who_signed_has_to_be_the_key_that_is_named() {
    let theirs = ApiKey::parse("shop.backend:not-the-secret").unwrap();
    assert_eq!(shown(verifier(), &mint_with(&theirs, |_| {})).await.refused(), (401, 40144));
    assert_eq!(shown(verifier(), &mint_with(&other_key(), |_| {})).await.refused(), (401, 40143));
    let both = verifier().key(&other_key());
    assert_eq!(shown(both, &mint_with(&other_key(), |_| {})).await.status, 200);
}

#[tokio::test]
async fn a_jwt_counts_from_its_beginning_to_its_end_give_or_take_the_leeway() {
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
        let answer = shown(at(now, leeway), token).await;
        let outcome = if answer.status == 200 { Ok(()) } else { Err(answer.refused()) };
        assert_eq!(outcome, expected, "{now} {leeway}");
    }
}

#[tokio::test]
async fn a_jwt_that_lives_for_more_than_a_day_is_refused() {
    let now = NOW.as_millis() / 1000;
    let header = r#"{"typ":"JWT","alg":"HS256","kid":"shop.backend"}"#;
    let lives = |seconds: u64| forged(header, &format!(r#"{{"iat":{now},"exp":{}}}"#, now + seconds), true);
    assert_eq!(shown(verifier(), &lives(86_400)).await.status, 200);
    assert_eq!(shown(verifier(), &lives(86_401)).await.refused(), (400, 40003));
}

#[tokio::test]
async fn a_claim_that_is_none_is_refused() {
    let wrong = mint(|jwt| jwt.capability = Some(r#"{"chat":["pubish"]}"#));
    assert_eq!(shown(verifier(), &wrong).await.refused(), (401, 40144));
    let header = r#"{"typ":"JWT","alg":"HS256","kid":"shop.backend"}"#;
    let nobody = claims().replace(r#""iat""#, r#""x-ably-clientId":"","iat""#);
    assert_eq!(shown(verifier(), &forged(header, &nobody, true)).await.refused(), (400, 40012));
}

#[tokio::test]
async fn a_revoked_jwt_is_refused_as_such() {
    let revoking = || verifier().is_revoked(|token| token.claims().and_then(|it| it.revocation_key()) == Some("basic"));
    let basic = mint(|jwt| jwt.revocation_key = Some("basic"));
    assert_eq!(shown(revoking(), &basic).await.refused(), (401, 40141));
    assert_eq!(shown(revoking(), &mint(|_| {})).await.status, 200);
    assert_eq!(
        shown(revoking().clock(|| Timestamp::from_millis(NOW.as_millis() + 7_200_000)), &basic).await.refused(),
        (401, 40142)
    );
}

/// Knows one token, and has to think about it.
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
async fn tokens_of_another_kind_are_left_to_another() {
    let both = || verifier().otherwise(Opaque);
    let opaque = Token::new("shop.opaque").unwrap();
    assert_eq!(shown(both(), &opaque).await.body, r#"{"opaque":["subscribe"]}"#);
    assert_eq!(shown(both(), &Token::new("shop.else").unwrap()).await.refused(), (401, 40143));
    assert_eq!(
        shown(both(), &mint_with(&other_key(), |_| {})).await.refused(),
        (401, 40143),
        "nor does that one know it"
    );
    assert_eq!(shown(both(), &mint(|_| {})).await.status, 200);
    let theirs = ApiKey::parse("shop.backend:not-the-secret").unwrap();
    assert_eq!(
        shown(both(), &mint_with(&theirs, |_| {})).await.refused(),
        (401, 40144),
        "a forgery is not tried again"
    );
    assert_eq!(shown(verifier(), &opaque).await.refused(), (401, 40143));
}

/// The outer JWT is signed by whomever, with whatever.
fn around(inner: &Token, exp: Option<u64>) -> Token {
    let exp = exp.map_or_else(String::new, |exp| format!(r#","exp":{exp}"#));
    let payload = format!(r#"{{"x-ably-token":"{}"{exp}}}"#, inner.expose());
    let text = [r#"{"alg":"RS256"}"#, &payload].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    Token::new(&format!("{text}.c2ln")).unwrap()
}

#[tokio::test]
async fn the_token_in_a_jwt_is_the_one_that_counts() {
    let inner = mint(|jwt| jwt.capability = Some(r#"{"chat":["publish"]}"#));
    assert_eq!(shown(verifier(), &around(&inner, None)).await.body, r#"{"chat":["publish"]}"#);
    let expires = NOW.as_millis() / 1000 + 3_600;
    assert_eq!(shown(verifier(), &around(&inner, Some(expires))).await.status, 200);
    assert_eq!(shown(verifier(), &around(&inner, Some(expires + 1))).await.refused(), (401, 40144));
    let theirs = ApiKey::parse("shop.backend:not-the-secret").unwrap();
    assert_eq!(shown(verifier(), &around(&mint_with(&theirs, |_| {}), None)).await.refused(), (401, 40144));
    assert_eq!(shown(verifier(), &around(&around(&inner, None), None)).await.refused(), (401, 40144));
    let opaque = Token::new("shop.opaque").unwrap();
    assert_eq!(shown(verifier().otherwise(Opaque), &around(&opaque, None)).await.status, 200);
    // A JWT of ours with another's token in it is as good as that token, and no better.
    let ours = mint(|jwt| jwt.embedded_token = Some("shop.unknown"));
    assert_eq!(shown(verifier(), &ours).await.refused(), (401, 40143));
}

#[tokio::test]
async fn claims_reach_the_handler() {
    let fields = JwtFields {
        others: &[("tier", ClaimValue::Text("gold"))],
        ..JwtFields::new("shop.backend", NOW, Ttl::DEFAULT)
    };
    let token = fields.mint(&key().signer()).unwrap();
    let tier = |sender: Authenticated| async move {
        let claims = sender.token().claims().unwrap().others().map(|(name, json)| format!("{name}={json}"));
        claims.collect::<String>()
    };
    let app = Router::new().route("/", get(tier)).layer(verifier().layer());
    assert_eq!(with_token(&app, &token, Request::get("/")).await.body, r#"tier="gold""#);
}
