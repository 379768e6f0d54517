//! Debug output of the auth URL and of guarded routes contains no secret, no token and no claim.

use std::time::Duration;

use ably_auth_axum::{
    AskedParams, AuthEndpoint, Authenticate, Authenticated, Authenticating, Capability, Error, Grant, Identified,
    Operation, Refusal, Require, Requiring, Token, VerifiedToken, Verifier, VerifyToken as _, require,
};
use ably_auth_backend::credentials::{self, Accepted, Credential};
use ably_auth_backend::jwt::{self, EffectiveToken, JudgedJwt, JwtRules};
use ably_auth_backend::{Authenticator, Clock};
use ably_auth_core::jwt::{ClaimValue, JwtFields};
use ably_auth_core::{ApiKey, Timestamp, Ttl};
use axum::body::Body;
use axum::routing::get;
use tower::{Layer as _, ServiceExt as _};

fn shows_nothing(what: &dyn std::fmt::Debug) {
    for shown in [format!("{what:?}"), format!("{what:#?}")] {
        assert!(!shown.contains("hush"), "{shown}");
    }
}

fn key() -> ApiKey {
    ApiKey::parse("app.key:hush").unwrap()
}

#[tokio::test]
async fn debug_output_of_auth_url_has_no_secret() {
    let endpoint: AuthEndpoint = AuthEndpoint::jwt(&key());
    shows_nothing(&endpoint);
    assert!(format!("{endpoint:?}").contains("app.key"));
    let grant: Grant = Grant::anonymous(Capability::all()).claim("password", "hush").json_claim("x", r#""hush""#);
    shows_nothing(&grant);
    let error: Error = endpoint.allow_origin("nowhere").unwrap_err();
    shows_nothing(&error);
    shows_nothing(&Refusal::forbidden("no; go away"));

    // A query parameter that the application chose may hold a password.
    let show = |asked: AskedParams| async move {
        assert_eq!(asked.get("session"), Some("hush"));
        shows_nothing(&asked);
        Grant::anonymous(Capability::all())
    };
    let app = axum::Router::<()>::new().route("/", AuthEndpoint::jwt(&key()).grant(show));
    let request = http::Request::get("/?session=hush").body(Body::empty()).unwrap();
    assert_eq!(app.oneshot(request).await.unwrap().status(), 200);
}

#[test]
fn debug_output_of_credential_has_no_secret() {
    let headers =
        http::HeaderMap::from_iter([(http::header::AUTHORIZATION, "Basic YXBwLmtleTpodXNo".parse().unwrap())]);
    let read: Credential = credentials::from_headers(&headers, Accepted::TokensAndKeys).unwrap().unwrap();
    assert!(matches!(&read, Credential::Key(key) if key.secret().expose() == "hush"));
    shows_nothing(&read);
    shows_nothing(&Credential::Token(Token::new("app.hush").unwrap()));
}

#[tokio::test]
async fn debug_output_of_guards_has_no_token_and_no_claim() {
    let now = Timestamp::from_millis(1_800_000_000_000);
    let verifier = || Verifier::new(Duration::ZERO).clock(move || now).key(&key());
    let known: Verifier = verifier();
    shows_nothing(&known);
    let fields = JwtFields {
        client_id: Some("bob"),
        others: &[("password", ClaimValue::Text("hush"))],
        ..JwtFields::new("app.key", now, Ttl::DEFAULT)
    };
    let token: Token = fields.mint(&key().signer()).unwrap();
    let verified: VerifiedToken = known.verify_token(&token).await.unwrap();
    shows_nothing(&verified);
    assert!(!format!("{verified:?}").contains(token.expose()));

    let effective: EffectiveToken<'_> = EffectiveToken::of(&token).unwrap();
    let (signer, rights) = (key().signer(), std::sync::Arc::new(Capability::all()));
    let rules: JwtRules<'_> = JwtRules::new(&signer, &rights);
    let judged: JudgedJwt = rules.judge(jwt::parse(&token).unwrap(), now).unwrap();
    for what in [&effective as &dyn std::fmt::Debug, &rules, &judged, &Clock::system()] {
        shows_nothing(what);
        assert!(!format!("{what:?}").contains(token.expose()));
    }

    let authenticator: Authenticator = Authenticator::new(verifier());
    shows_nothing(&authenticator);
    let layer: Authenticate = Authenticate::new(verifier());
    shows_nothing(&layer);
    let rule: Require = require("chat", Operation::Publish).unwrap();
    shows_nothing(&rule);
    let around: Authenticating<()> = layer.layer(());
    shows_nothing(&around);
    let guarding: Requiring<()> = rule.layer(());
    shows_nothing(&guarding);

    let secret = token.expose().to_owned();
    let handler = |sender: Authenticated, somebody: Identified| async move {
        for shown in [format!("{sender:?}"), format!("{somebody:#?}")] {
            assert!(!shown.contains("hush") && !shown.contains(&secret), "{shown}");
        }
        "seen"
    };
    let app = axum::Router::<()>::new().route("/", get(handler)).layer(layer);
    let request = http::Request::get("/").header("authorization", format!("Bearer {}", token.expose()));
    assert_eq!(app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status(), 200);
}
