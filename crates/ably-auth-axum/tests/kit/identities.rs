//! Identities of senders.

use ably_auth_axum::{Authenticate, Authenticated, Identified};
use axum::Router;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Request;

use crate::support::{Answer, mint, send, verifier, with_token};

fn app() -> Router {
    let name = |who: Option<&ably_auth_axum::Identity>| who.map_or("nobody".to_owned(), ToString::to_string);
    Router::new()
        .route("/anybody", get(move |sender: Authenticated| async move { name(sender.identity()) }))
        .route("/somebody", get(|sender: Identified| async move { sender.identity().to_string() }))
        .route("/visitor", get(|sender: Option<Authenticated>| async move { sender.is_some().to_string() }))
}

async fn ask(uri: &str, token_for: Option<&str>, claimed: Option<&str>) -> Answer {
    let token = mint(|jwt| jwt.client_id = token_for.map(|it| &*it.to_owned().leak()));
    let mut request = Request::get(uri);
    if let Some(claimed) = claimed {
        request = request.header("x-ably-clientid", STANDARD.encode(claimed));
    }
    with_token(&app().layer(Authenticate::new(verifier())), &token, request).await
}

/// RSA7, RSA15: the sender has the token's clientId; with a token for any clientId, the sender names one.
#[tokio::test]
async fn sender_acts_as_token_permits() {
    assert_eq!(ask("/anybody", Some("bob"), None).await.body, "bob");
    assert_eq!(ask("/anybody", Some("bob"), Some("bob")).await.body, "bob");
    assert_eq!(ask("/anybody", Some("*"), Some("alice")).await.body, "alice");
    assert_eq!(ask("/anybody", Some("*"), None).await.body, "nobody");
    assert_eq!(ask("/anybody", None, None).await.body, "nobody");
    assert_eq!(ask("/anybody", Some("bob"), Some("alice")).await.refused(), (401, 40102));
    assert_eq!(ask("/anybody", None, Some("alice")).await.refused(), (401, 40102));
}

#[tokio::test]
async fn invalid_claimed_client_id_is_refused() {
    for claimed in ["*", "", "a\nb"] {
        assert_eq!(ask("/anybody", Some("*"), Some(claimed)).await.refused(), (400, 40012), "{claimed:?}");
    }
    let request = Request::get("/anybody").header("x-ably-clientid", "no base64!");
    let answer = with_token(&app().layer(Authenticate::new(verifier())), &mint(|_| {}), request).await;
    assert_eq!(answer.refused(), (400, 40012));
}

/// A proxy, or the service behind it, may use the other header.
#[tokio::test]
async fn second_client_id_is_refused() {
    for (first, second) in [("bob", "eve"), ("bob", "bob"), ("bob", "")] {
        let request = Request::get("/anybody").header("x-ably-clientid", STANDARD.encode(first));
        let request = request.header("X-Ably-ClientId", STANDARD.encode(second));
        let token = mint(|jwt| jwt.client_id = Some("*"));
        assert_eq!(
            with_token(&app().layer(Authenticate::new(verifier())), &token, request).await.refused(),
            (400, 40012)
        );
    }
}

#[tokio::test]
async fn second_token_in_query_is_refused() {
    let app = app().layer(Authenticate::new(verifier()).or_in_query());
    let (bob, eve) = (mint(|jwt| jwt.client_id = Some("bob")), mint(|jwt| jwt.client_id = Some("eve")));
    for second in ["accessToken", "access_token"] {
        let uri = format!("/anybody?accessToken={}&{second}={}", bob.expose(), eve.expose());
        let request = Request::get(uri).body(axum::body::Body::empty()).unwrap();
        assert_eq!(send(&app, request).await.refused(), (401, 40005), "{second}");
    }
}

#[tokio::test]
async fn identified_route_refuses_sender_without_identity() {
    assert_eq!(ask("/somebody", Some("bob"), None).await.body, "bob");
    assert_eq!(ask("/somebody", Some("*"), Some("alice")).await.body, "alice");
    assert_eq!(ask("/somebody", Some("*"), None).await.refused(), (401, 40161));
    assert_eq!(ask("/somebody", None, None).await.refused(), (401, 40161));
}

#[tokio::test]
async fn optional_layer_accepts_no_token_but_no_invalid_one() {
    let open = app().layer(Authenticate::new(verifier()).optional());
    let visit = |uri: &str| Request::get(uri.to_owned());
    let without = |uri: &str| visit(uri).body(String::new().into()).unwrap();
    assert_eq!(send(&open, without("/visitor")).await.body, "false");
    assert_eq!(with_token(&open, &mint(|_| {}), visit("/visitor")).await.body, "true");
    assert_eq!(send(&open, without("/anybody")).await.refused(), (401, 40101));
    assert_eq!(send(&open, without("/somebody")).await.refused(), (401, 40101));
    let bad = visit("/visitor").header("authorization", "Bearer a.b").body(String::new().into()).unwrap();
    assert_eq!(send(&open, bad).await.refused(), (401, 40143));
    let closed = app().layer(Authenticate::new(verifier()));
    assert_eq!(send(&closed, without("/visitor")).await.refused(), (401, 40101));
}

/// A route that is not below the layer must be closed, not open.
#[tokio::test]
async fn route_without_layer_refuses_everyone() {
    for uri in ["/anybody", "/somebody", "/visitor"] {
        assert_eq!(with_token(&app(), &mint(|_| {}), Request::get(uri)).await.refused(), (500, 50000), "{uri}");
    }
}
