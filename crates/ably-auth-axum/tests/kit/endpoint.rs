//! The auth URL: its forms, who gets none, and what is never stored.

use std::time::Duration;

use ably_auth_axum::{ApiKey, AskedParams, AuthEndpoint, ClientId, Grant, Refusal, Timestamp, Ttl};
use ably_auth_core::{TokenDetails, TokenRequest, UnverifiedJwt, VerifiedJwt};
use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, Query, State};
use http::request::Parts;
use http::{Method, Request, StatusCode};

use crate::support::{Answer, NOW, capability, encoded, get, key, post_form, send, still};

const CHAT: &str = r#"{"chat:*":["publish","subscribe"]}"#;
const ASKED: [(&str, &str); 3] = [("clientId", "bob"), ("capability", r#"{"chat:a":["*"]}"#), ("ttl", "60000")];
const NARROWED: &str = r#"{"chat:a":["publish","subscribe"]}"#;

/// Who says by a header who they are.
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
    Router::new().route("/token", still(endpoint).grant(grant))
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
async fn a_jwt_is_narrowed_by_either_method() {
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
async fn a_token_request_is_narrowed_by_either_method() {
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
async fn token_details_say_what_is_in_their_jwt() {
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

/// What a key has is not known here, so that nothing untrue is said of it.
#[tokio::test]
async fn token_details_of_all_that_the_key_has_do_not_say_what_that_is() {
    let all = || async { Grant::anonymous(ably_auth_axum::Capability::all()) };
    let app = Router::new().route("/token", still(AuthEndpoint::token_details(&key())).grant(all));
    let details: TokenDetails = serde_json::from_str(&get(&app, "/token").await.body).unwrap();
    assert_eq!((details.capability_text(), details.client_id()), (None, &ClientId::None));
    assert_eq!(verified(details.token().expose()).claims().capability_text(), Some(r#"{"[*]*":["*"]}"#));
}

/// Or else whoever is logged in today could have a request signed for next year.
#[tokio::test]
async fn a_time_and_a_nonce_of_the_client_s_are_left_aside() {
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
async fn each_token_request_has_a_nonce_of_its_own() {
    let endpoint = AuthEndpoint::token_request(&key()).grant(|| async { Grant::anonymous(capability(CHAT)) });
    let app = Router::new().route("/token", endpoint);
    let [first, second] = [get(&app, "/token").await.json(), get(&app, "/token").await.json()];
    assert_ne!(first["nonce"], second["nonce"]);
    assert_ne!(first["mac"], second["mac"]);
}

#[tokio::test]
async fn nothing_is_to_be_stored() {
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
async fn the_form_of_a_post_goes_over_its_query() {
    let app = app(AuthEndpoint::token_request(&key()));
    let answer = post_form(&app, "/token?ttl=5000&clientId=bob", "ttl=7000&clientId=").await;
    assert_eq!((&answer.json()["ttl"], &answer.json()["clientId"]), (&7000.into(), &"bob".into()));
}

/// A token that a page of another origin loads as a script is read as none.
#[tokio::test]
async fn no_answer_is_taken_for_a_script() {
    let app = app(AuthEndpoint::jwt(&key()));
    for uri in ["/token", "/token?ttl=x"] {
        assert_eq!(get(&app, uri).await.header("x-content-type-options"), Some("nosniff"));
    }
}

/// Any extractors will do, the application's state among them, and what is asked is one too.
#[tokio::test]
async fn the_application_decides_with_its_own_extractors() {
    #[derive(serde::Deserialize)]
    struct Wish {
        room: String,
    }
    let decide = |State(prefix): State<String>, User(name): User, Query(wish): Query<Wish>, asked: AskedParams| async move {
        assert_eq!((asked.get("room"), asked.get("none")), (Some("a"), None));
        assert_eq!(asked.token_params().ttl, Some(Ttl::from_millis(60_000).unwrap()));
        let room = format!(r#"{{"{prefix}:{}":["publish"]}}"#, wish.room);
        Grant::identified(&name, capability(&room))
    };
    let app =
        Router::new().route("/token", still(AuthEndpoint::jwt(&key())).grant(decide)).with_state("chat".to_owned());
    let request = Request::post("/token?room=a").header("x-user", "alice");
    let request = request.header("content-type", "application/x-www-form-urlencoded").body("ttl=60000".into()).unwrap();
    let jwt = verified(&send(&app, request).await.body);
    assert_eq!(jwt.claims().capability_text(), Some(r#"{"chat:a":["publish"]}"#));
    assert_eq!(jwt.claims().client_id().as_str(), Some("alice"));
}

#[tokio::test]
async fn who_gets_nothing_is_told_in_the_application_s_words() {
    let decide = |User(name): User| async move {
        match &*name {
            "mallory" => Err(Refusal::forbidden("the account is closed; ask the support")),
            "nobody" => Err(Refusal::unauthenticated("nobody is no user; log in")),
            name => Grant::identified(name, capability(CHAT)),
        }
    };
    let app = Router::new().route("/token", still(AuthEndpoint::jwt(&key())).grant(decide));
    let as_user = |name: &str| Request::get("/token").header("x-user", name).body(Body::empty()).unwrap();
    let forbidden = send(&app, as_user("mallory")).await;
    assert_eq!(forbidden.refused(), (403, 40300), "RSA4d: an SDK stops asking");
    assert_eq!(forbidden.header("x-ably-errormessage"), Some("the account is closed; ask the support"));
    assert_eq!(send(&app, as_user("nobody")).await.refused(), (401, 40101));
    assert_eq!(send(&app, as_user("alice")).await.status, 200);
    // An id that is none is the application's mistake, and no token for anybody comes of it.
    assert_eq!(send(&app, as_user("*")).await.refused(), (500, 50000));
    let rejected = get(&app, "/token").await;
    assert_eq!((rejected.status, &*rejected.body), (401, "log in first"));
    assert_eq!(rejected.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn an_error_of_the_application_s_own_is_its_answer() {
    let decide = || async { Err::<Grant, _>((StatusCode::SERVICE_UNAVAILABLE, "the database is away")) };
    let app = Router::new().route("/token", AuthEndpoint::jwt(&key()).grant(decide));
    let answer = get(&app, "/token").await;
    assert_eq!((answer.status, &*answer.body), (503, "the database is away"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn claims_travel_in_a_jwt_and_are_not_lost_in_a_token_request() {
    let decide = || async {
        Grant::anonymous(capability(CHAT))
            .revocation_key("basic-plan")
            .channel_claim("chat:a", "moderator")
            .publish_limit("chat:*", 5)
            .claim("name", "Bob \"the\" Builder")
            .json_claim("roles", r#"["a","b"]"#)
    };
    for endpoint in [AuthEndpoint::jwt(&key()), AuthEndpoint::token_details(&key())] {
        let app = Router::new().route("/token", still(endpoint).grant(decide));
        let body = get(&app, "/token").await.body;
        let details: Option<TokenDetails> = serde_json::from_str(&body).ok();
        let jwt = verified(details.as_ref().map_or(&body, |details| details.token().expose()));
        assert_eq!(jwt.claims().revocation_key(), Some("basic-plan"));
        assert_eq!(jwt.claims().channel_claims().collect::<Vec<_>>(), [("chat:a", "moderator")]);
        assert_eq!(jwt.claims().publish_limits().collect::<Vec<_>>(), [("chat:*", 5.0)]);
        let others: Vec<_> = jwt.claims().others().collect();
        assert_eq!(others, [("name", r#""Bob \"the\" Builder""#), ("roles", r#"["a","b"]"#)]);
    }
    let app = Router::new().route("/token", still(AuthEndpoint::token_request(&key())).grant(decide));
    assert_eq!(get(&app, "/token").await.refused(), (500, 50000));
}

/// A JWT of more than what is usually enough.
#[tokio::test]
async fn a_large_capability_is_written_whole() {
    let rooms: Vec<_> = (0..200).map(|room| format!(r#""chat:{room:03}":["publish"]"#)).collect();
    let large = format!("{{{}}}", rooms.join(","));
    for (_, endpoint) in forms() {
        let granted = capability(&large);
        let app = Router::new().route("/token", still(endpoint).grant(|| async { Grant::anonymous(granted) }));
        let body = get(&app, "/token").await.body;
        let json: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
        match json["capability"].as_str() {
            Some(capability) => assert_eq!(capability, large),
            None => assert_eq!(verified(&body).claims().capability_text(), Some(&*large)),
        }
    }
}

#[tokio::test]
async fn what_is_asked_has_to_be_in_the_form_of_it() {
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
        assert_eq!(verified(&answer.body).claims().capability_text(), Some(CHAT), "nothing is nothing in particular");
    }
}

#[tokio::test]
async fn a_body_that_is_no_form_is_refused_and_not_taken_for_nothing() {
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
async fn other_methods_are_refused_with_those_that_there_are() {
    let app = app(AuthEndpoint::jwt(&key()));
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let answer = send(&app, Request::builder().method(method).uri("/token").body(Body::empty()).unwrap()).await;
        assert_eq!(answer.refused(), (405, 40500));
        assert_eq!(answer.header("allow"), Some("GET, HEAD, POST, OPTIONS"));
    }
}

#[tokio::test]
async fn the_time_is_the_system_s_unless_said_otherwise() {
    let endpoint = AuthEndpoint::jwt(&key()).grant(|| async { Grant::anonymous(capability(CHAT)) });
    let body = get(&Router::new().route("/token", endpoint), "/token").await.body;
    let issued = UnverifiedJwt::parse(&body).unwrap().decode_without_verifying().unwrap().issued();
    assert!(issued > Timestamp::from_millis(1_700_000_000_000));
}

#[tokio::test]
async fn no_secret_is_answered() {
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
