//! As whom a sender acts.

use ably_auth_axum::{Authenticated, Identified};
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
    with_token(&app().layer(verifier().layer()), &token, request).await
}

/// RSA7, RSA15: the token's clientId is the sender's, and one for any lets the sender say.
#[tokio::test]
async fn a_sender_acts_as_the_token_permits() {
    assert_eq!(ask("/anybody", Some("bob"), None).await.body, "bob");
    assert_eq!(ask("/anybody", Some("bob"), Some("bob")).await.body, "bob");
    assert_eq!(ask("/anybody", Some("*"), Some("alice")).await.body, "alice");
    assert_eq!(ask("/anybody", Some("*"), None).await.body, "nobody");
    assert_eq!(ask("/anybody", None, None).await.body, "nobody");
    assert_eq!(ask("/anybody", Some("bob"), Some("alice")).await.refused(), (401, 40102));
    assert_eq!(ask("/anybody", None, Some("alice")).await.refused(), (401, 40102));
}

#[tokio::test]
async fn a_claimed_client_id_has_to_be_one() {
    for claimed in ["*", "", "a\nb"] {
        assert_eq!(ask("/anybody", Some("*"), Some(claimed)).await.refused(), (400, 40012), "{claimed:?}");
    }
    let request = Request::get("/anybody").header("x-ably-clientid", "no base64!");
    let answer = with_token(&app().layer(verifier().layer()), &mint(|_| {}), request).await;
    assert_eq!(answer.refused(), (400, 40012));
}

/// A proxy, or the service behind it, may use the other header.
#[tokio::test]
async fn second_client_id_is_refused() {
    for (first, second) in [("bob", "eve"), ("bob", "bob"), ("bob", "")] {
        let request = Request::get("/anybody").header("x-ably-clientid", STANDARD.encode(first));
        let request = request.header("X-Ably-ClientId", STANDARD.encode(second));
        let token = mint(|jwt| jwt.client_id = Some("*"));
        assert_eq!(with_token(&app().layer(verifier().layer()), &token, request).await.refused(), (400, 40012));
    }
}

#[tokio::test]
async fn second_token_in_query_is_refused() {
    let app = app().layer(verifier().layer().or_in_query());
    let (bob, eve) = (mint(|jwt| jwt.client_id = Some("bob")), mint(|jwt| jwt.client_id = Some("eve")));
    for second in ["accessToken", "access_token"] {
        let uri = format!("/anybody?accessToken={}&{second}={}", bob.expose(), eve.expose());
        let request = Request::get(uri).body(axum::body::Body::empty()).unwrap();
        assert_eq!(send(&app, request).await.refused(), (401, 40005), "{second}");
    }
}

#[tokio::test]
async fn somebody_in_particular_is_needed_where_that_is_said() {
    assert_eq!(ask("/somebody", Some("bob"), None).await.body, "bob");
    assert_eq!(ask("/somebody", Some("*"), Some("alice")).await.body, "alice");
    assert_eq!(ask("/somebody", Some("*"), None).await.refused(), (401, 40161));
    assert_eq!(ask("/somebody", None, None).await.refused(), (401, 40161));
}

#[tokio::test]
async fn visitors_come_in_where_that_is_said_and_bad_tokens_nowhere() {
    let open = app().layer(verifier().layer().optional());
    let visit = |uri: &str| Request::get(uri.to_owned());
    let without = |uri: &str| visit(uri).body(String::new().into()).unwrap();
    assert_eq!(send(&open, without("/visitor")).await.body, "false");
    assert_eq!(with_token(&open, &mint(|_| {}), visit("/visitor")).await.body, "true");
    assert_eq!(send(&open, without("/anybody")).await.refused(), (401, 40101));
    assert_eq!(send(&open, without("/somebody")).await.refused(), (401, 40101));
    let bad = visit("/visitor").header("authorization", "Bearer a.b").body(String::new().into()).unwrap();
    assert_eq!(send(&open, bad).await.refused(), (401, 40143));
    let closed = app().layer(verifier().layer());
    assert_eq!(send(&closed, without("/visitor")).await.refused(), (401, 40101));
}

/// A route that was left out of the layer is shut, not open.
#[tokio::test]
async fn without_the_layer_nobody_gets_in() {
    for uri in ["/anybody", "/somebody", "/visitor"] {
        assert_eq!(with_token(&app(), &mint(|_| {}), Request::get(uri)).await.refused(), (500, 50000), "{uri}");
    }
}
