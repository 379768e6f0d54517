//! The auth URL: its answers, refusals and headers.

use std::time::Duration;

use ably_auth_axum::{ApiKey, AskedParams, AuthEndpoint, ClientId, Grant, Refusal, Timestamp, Ttl};
use ably_auth_core::{TokenDetails, TokenRequest, UnverifiedJwt, VerifiedJwt};
use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, Query, State};
use http::request::Parts;
use http::{Method, Request, StatusCode};

use crate::support::{Answer, NOW, capability, encoded, fixed, get, key, post_form, send};

const CHAT: &str = r#"{"chat:*":["publish","subscribe"]}"#;
const ASKED: [(&str, &str); 3] = [("clientId", "bob"), ("capability", r#"{"chat:a":["*"]}"#), ("ttl", "60000")];
const NARROWED: &str = r#"{"chat:a":["publish","subscribe"]}"#;

/// An extractor that takes the user's name from a header.
struct User(String);

impl<S: Sync> FromRequestParts<S> for User {
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let name = parts.headers.get("x-user").ok_or((StatusCode::UNAUTHORIZED, "log in first"))?;
        Ok(Self(name.to_str().unwrap().to_owned()))
    }
}

fn app(endpoint: AuthEndpoint) -> Router {
    let grant = || async { Grant::identified("bob", capability(CHAT)) };
    Router::new().route("/token", fixed(endpoint).grant(grant))
}

fn forms() -> [(&'static str, AuthEndpoint); 3] {
    let key = key();
    [
        ("application/jwt", AuthEndpoint::jwt(&key)),
        ("application/json", AuthEndpoint::token_request(&key)),
        ("application/json", AuthEndpoint::token_details(&key)),
    ]
}

async fn by_both_methods(app: &Router, params: &[(&str, &str)]) -> [Answer; 2] {
    let params = encoded(params);
    [get(app, &format!("/token?{params}")).await, post_form(app, "/token", &params).await]
}

fn verified(jwt: &str) -> VerifiedJwt {
    UnverifiedJwt::parse(jwt).unwrap().verify(&key().signer(), NOW, Duration::ZERO).unwrap()
}

/// rest/unit/RSA8c/authurl-returns-jwt-4
#[tokio::test]
async fn jwt_is_narrowed_by_get_and_post() {
    let app = app(AuthEndpoint::jwt(&key()));
    for answer in by_both_methods(&app, &ASKED).await {
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/jwt")));
        let jwt = verified(&answer.body);
        assert_eq!(jwt.claims().capability_text(), Some(NARROWED));
        assert_eq!(jwt.claims().client_id(), &ClientId::parse("bob").unwrap());
        assert!(jwt.claims().expires().as_millis() <= NOW.as_millis() + 60_000);
        assert!(jwt.claims().ttl().unwrap().as_millis() >= 59_000);
    }
    for answer in by_both_methods(&app, &[]).await {
        let jwt = verified(&answer.body);
        assert_eq!((jwt.claims().capability_text(), jwt.claims().ttl().unwrap()), (Some(CHAT), Ttl::DEFAULT));
    }
}

#[tokio::test]
async fn token_request_is_narrowed_by_get_and_post() {
    let app = app(AuthEndpoint::token_request(&key()));
    for answer in by_both_methods(&app, &ASKED).await {
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        let request: TokenRequest = serde_json::from_str(&answer.body).unwrap();
        let verified = request.verify(&key()).unwrap();
        assert_eq!(verified.capability_text(), Some(NARROWED));
        assert_eq!(verified.client_id().unwrap(), ClientId::parse("bob").unwrap());
        assert_eq!(verified.ttl().unwrap(), Some(Ttl::from_millis(60_000).unwrap()));
        assert_eq!(verified.timestamp().unwrap(), Some(NOW));
        assert_eq!(verified.nonce(), Some("07070707070707070707070707070707"));
    }
    for answer in by_both_methods(&app, &[]).await {
        assert_eq!((&answer.json()["ttl"], &answer.json()["capability"]), (&3_600_000.into(), &CHAT.into()));
    }
}

#[tokio::test]
async fn token_details_agree_with_their_jwt() {
    let app = app(AuthEndpoint::token_details(&key()));
    for ttl in ["60000", "1", "1999", "3600000"] {
        for answer in by_both_methods(&app, &[("capability", r#"{"chat:a":["*"]}"#), ("ttl", ttl)]).await {
            assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
            let details: TokenDetails = serde_json::from_str(&answer.body).unwrap();
            let jwt = verified(details.token().expose());
            assert_eq!(
                (details.issued(), details.expires()),
                (Some(jwt.claims().issued()), Some(jwt.claims().expires()))
            );
            assert_eq!(details.capability_text(), Some(NARROWED));
            assert_eq!(
                (details.capability_text(), details.client_id()),
                (jwt.claims().capability_text(), jwt.claims().client_id())
            );
            assert_eq!(details.key_name(), Some(key().key_name()));
            let most = ttl.parse::<u64>().unwrap().max(1_000);
            assert!(details.expires().unwrap().as_millis() <= NOW.as_millis() + most);
        }
    }
}

/// The key's capability is not known to the endpoint, so the details must not name one.
#[tokio::test]
async fn token_details_with_all_rights_have_no_capability() {
    let all = || async { Grant::anonymous(ably_auth_axum::Capability::all()) };
    let app = Router::new().route("/token", fixed(AuthEndpoint::token_details(&key())).grant(all));
    let details: TokenDetails = serde_json::from_str(&get(&app, "/token").await.body).unwrap();
    assert_eq!((details.capability_text(), details.client_id()), (None, &ClientId::None));
    assert_eq!(verified(details.token().expose()).claims().capability_text(), Some(r#"{"[*]*":["*"]}"#));
}

/// Otherwise a user who is logged in today could get a request that is signed for next year.
#[tokio::test]
async fn timestamp_and_nonce_of_client_are_ignored() {
    let params = [("timestamp", "1900000000000"), ("nonce", "a-nonce-of-the-client-s-own")];
    for answer in by_both_methods(&app(AuthEndpoint::token_request(&key())), &params).await {
        assert_eq!(answer.json()["timestamp"], NOW.as_millis());
        assert_eq!(answer.json()["nonce"], "07070707070707070707070707070707");
    }
    for answer in by_both_methods(&app(AuthEndpoint::jwt(&key())), &params).await {
        assert_eq!(verified(&answer.body).claims().issued().as_millis(), NOW.as_millis() / 1000 * 1000);
    }
}

#[tokio::test]
async fn each_token_request_has_new_nonce() {
    let endpoint = AuthEndpoint::token_request(&key()).grant(|| async { Grant::anonymous(capability(CHAT)) });
    let app = Router::new().route("/token", endpoint);
    let [first, second] = [get(&app, "/token").await.json(), get(&app, "/token").await.json()];
    assert_ne!(first["nonce"], second["nonce"]);
    assert_ne!(first["mac"], second["mac"]);
}

#[tokio::test]
async fn answers_must_not_be_stored() {
    for (content_type, endpoint) in forms() {
        let app = app(endpoint);
        for answer in by_both_methods(&app, &ASKED).await {
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            assert_eq!(answer.header("content-type"), Some(content_type));
        }
        assert_eq!(get(&app, "/token?ttl=x").await.header("cache-control"), Some("no-store"));
        let head = send(&app, Request::head("/token").body(Body::empty()).unwrap()).await;
        assert_eq!((head.status, head.header("cache-control"), &*head.body), (200, Some("no-store"), ""));
    }
}

#[tokio::test]
async fn form_of_post_overrides_query() {
    let app = app(AuthEndpoint::token_request(&key()));
    let answer = post_form(&app, "/token?ttl=5000&clientId=bob", "ttl=7000&clientId=").await;
    assert_eq!((&answer.json()["ttl"], &answer.json()["clientId"]), (&7000.into(), &"bob".into()));
}

/// Without the header, a page of another origin could load a token as a script.
#[tokio::test]
async fn answers_have_nosniff() {
    let app = app(AuthEndpoint::jwt(&key()));
    for uri in ["/token", "/token?ttl=x"] {
        assert_eq!(get(&app, uri).await.header("x-content-type-options"), Some("nosniff"));
    }
}

/// The function can use any extractors, including state and the requested params.
#[tokio::test]
async fn grant_function_can_use_own_extractors() {
    #[derive(serde::Deserialize)]
    struct Wish {
        room: String,
    }
    let decide = |State(prefix): State<String>, User(name): User, Query(wish): Query<Wish>, asked: AskedParams| async move {
        assert_eq!((asked.get("room"), asked.get("none")), (Some("a"), None));
        assert_eq!(asked.token_params().get_ttl(), Some(Ttl::from_millis(60_000).unwrap()));
        let room = format!(r#"{{"{prefix}:{}":["publish"]}}"#, wish.room);
        Grant::identified(&name, capability(&room))
    };
    let app =
        Router::new().route("/token", fixed(AuthEndpoint::jwt(&key())).grant(decide)).with_state("chat".to_owned());
    let request = Request::post("/token?room=a").header("x-user", "alice");
    let request = request.header("content-type", "application/x-www-form-urlencoded").body("ttl=60000".into()).unwrap();
    let jwt = verified(&send(&app, request).await.body);
    assert_eq!(jwt.claims().capability_text(), Some(r#"{"chat:a":["publish"]}"#));
    assert_eq!(jwt.claims().client_id().as_str(), Some("alice"));
}

#[tokio::test]
async fn refusal_of_application_is_answer() {
    let decide = |User(name): User| async move {
        match &*name {
            "mallory" => Err(Refusal::forbidden("the account is closed; ask the support")),
            "nobody" => Err(Refusal::unauthenticated("unknown user; log in")),
            name => Grant::identified(name, capability(CHAT)),
        }
    };
    let app = Router::new().route("/token", fixed(AuthEndpoint::jwt(&key())).grant(decide));
    let as_user = |name: &str| Request::get("/token").header("x-user", name).body(Body::empty()).unwrap();
    let forbidden = send(&app, as_user("mallory")).await;
    assert_eq!(forbidden.refused(), (403, 40300), "RSA4d: an SDK stops asking");
    assert_eq!(forbidden.header("x-ably-errormessage"), Some("the account is closed; ask the support"));
    assert_eq!(send(&app, as_user("nobody")).await.refused(), (401, 40101));
    assert_eq!(send(&app, as_user("alice")).await.status, 200);
    // An invalid id is the application's mistake, and must not become a token for any clientId.
    assert_eq!(send(&app, as_user("*")).await.refused(), (500, 50000));
    let rejected = get(&app, "/token").await;
    assert_eq!((rejected.status, &*rejected.body), (401, "log in first"));
    assert_eq!(rejected.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn custom_error_of_application_is_answer() {
    let decide = || async { Err::<Grant, _>((StatusCode::SERVICE_UNAVAILABLE, "the database is away")) };
    let app = Router::new().route("/token", AuthEndpoint::jwt(&key()).grant(decide));
    let answer = get(&app, "/token").await;
    assert_eq!((answer.status, &*answer.body), (503, "the database is away"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn claims_are_in_jwt_and_refused_in_token_request() {
    let decide = || async {
        Grant::anonymous(capability(CHAT))
            .revocation_key("basic-plan")
            .channel_claim("chat:a", "moderator")
            .publish_limit("chat:*", 5)
            .claim("name", "Bob \"the\" Builder")
            .json_claim("roles", r#"["a","b"]"#)
    };
    for endpoint in [AuthEndpoint::jwt(&key()), AuthEndpoint::token_details(&key())] {
        let app = Router::new().route("/token", fixed(endpoint).grant(decide));
        let body = get(&app, "/token").await.body;
        let details: Option<TokenDetails> = serde_json::from_str(&body).ok();
        let jwt = verified(details.as_ref().map_or(&body, |details| details.token().expose()));
        assert_eq!(jwt.claims().revocation_key(), Some("basic-plan"));
        assert_eq!(jwt.claims().channel_claims().collect::<Vec<_>>(), [("chat:a", "moderator")]);
        assert_eq!(jwt.claims().publish_limits().collect::<Vec<_>>(), [("chat:*", 5.0)]);
        let others: Vec<_> = jwt.claims().others().collect();
        assert_eq!(others, [("name", r#""Bob \"the\" Builder""#), ("roles", r#"["a","b"]"#)]);
    }
    let app = Router::new().route("/token", fixed(AuthEndpoint::token_request(&key())).grant(decide));
    assert_eq!(get(&app, "/token").await.refused(), (500, 50000));
}

/// The JWT is larger than the first buffer.
#[tokio::test]
async fn large_capability_is_written_completely() {
    let rooms: Vec<_> = (0..200).map(|room| format!(r#""chat:{room:03}":["publish"]"#)).collect();
    let large = format!("{{{}}}", rooms.join(","));
    for (_, endpoint) in forms() {
        let granted = capability(&large);
        let app = Router::new().route("/token", fixed(endpoint).grant(|| async { Grant::anonymous(granted) }));
        let body = get(&app, "/token").await.body;
        let json: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
        match json["capability"].as_str() {
            Some(capability) => assert_eq!(capability, large),
            None => assert_eq!(verified(&body).claims().capability_text(), Some(&*large)),
        }
    }
}

#[tokio::test]
async fn invalid_params_are_refused() {
    let app = app(AuthEndpoint::jwt(&key()));
    let cases = [
        (("ttl", "0"), 40003),
        (("ttl", "-1"), 40003),
        (("ttl", "1h"), 40003),
        (("ttl", "1.5"), 40003),
        (("capability", "{"), 40000),
        (("capability", r#"{"chat":["pubish"]}"#), 40000),
        (("capability", r#"{"chat":[]}"#), 40000),
        (("clientId", "a\nb"), 40012),
    ];
    for (param, code) in cases {
        for answer in by_both_methods(&app, &[param]).await {
            assert_eq!(answer.refused(), (400, code), "{param:?}");
        }
    }
    for answer in by_both_methods(&app, &[("ttl", ""), ("capability", ""), ("clientId", "")]).await {
        assert_eq!(verified(&answer.body).claims().capability_text(), Some(CHAT), "an empty param requests nothing");
    }
}

#[tokio::test]
async fn body_that_is_not_a_form_is_refused() {
    let app = app(AuthEndpoint::jwt(&key()));
    let json = Request::post("/token").header("content-type", "application/json");
    let answer = send(&app, json.body(r#"{"capability":"{\"chat:a\":[\"subscribe\"]}"}"#.into()).unwrap()).await;
    assert_eq!(answer.refused(), (415, 40001));
    let untyped = Request::post("/token").body("ttl=60000".into()).unwrap();
    assert_eq!(send(&app, untyped).await.refused(), (415, 40001));
    let empty = Request::post("/token").header("content-type", "application/json").body(Body::empty()).unwrap();
    assert_eq!(send(&app, empty).await.status, 200);
    assert_eq!(post_form(&app, "/token", &"x".repeat(70_000)).await.refused(), (413, 40009));
}

#[tokio::test]
async fn other_methods_are_refused_with_allow_header() {
    let app = app(AuthEndpoint::jwt(&key()));
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let answer = send(&app, Request::builder().method(method).uri("/token").body(Body::empty()).unwrap()).await;
        assert_eq!(answer.refused(), (405, 40500));
        assert_eq!(answer.header("allow"), Some("GET, HEAD, POST, OPTIONS"));
    }
}

#[tokio::test]
async fn default_clock_is_that_of_system() {
    let endpoint = AuthEndpoint::jwt(&key()).grant(|| async { Grant::anonymous(capability(CHAT)) });
    let body = get(&Router::new().route("/token", endpoint), "/token").await.body;
    let issued = UnverifiedJwt::parse(&body).unwrap().decode_without_verifying().unwrap().issued();
    assert!(issued > Timestamp::from_millis(1_700_000_000_000));
}

#[tokio::test]
async fn answer_has_no_secret() {
    let secret = ApiKey::parse("shop.backend:hush").unwrap();
    for endpoint in
        [AuthEndpoint::jwt(&secret), AuthEndpoint::token_request(&secret), AuthEndpoint::token_details(&secret)]
    {
        let app = app(endpoint);
        for uri in ["/token", "/token?ttl=x", "/token?clientId=eve"] {
            let answer = get(&app, uri).await;
            assert!(!answer.body.contains("hush") && !format!("{:?}", answer.headers).contains("hush"));
        }
    }
}
