//! The examples work as they say.

use std::time::Duration;

use ably_auth_axum::{Token, VerifyToken as _};
use http::Request;

use crate::support::{get, key, mint, post_form, send, verifier};

#[path = "../../examples/auth_endpoint.rs"]
mod auth_endpoint;
#[path = "../../examples/protected_routes.rs"]
mod protected_routes;

#[tokio::test]
async fn auth_endpoint_issues_token_for_session_cookie() {
    let app = auth_endpoint::app(&key());
    assert_eq!(get(&app, "/ably-token").await.refused(), (401, 40101));
    for (name, expected) in [("bob", Ok("inbox:bob")), ("mallory", Err((403, 40300)))] {
        let login = post_form(&app, "/login", &format!("name={name}")).await;
        let cookie = login.header("set-cookie").unwrap().split(';').next().unwrap();
        let request = Request::get("/ably-token").header("cookie", cookie).body(String::new().into()).unwrap();
        let answer = send(&app, request).await;
        match expected {
            Ok(inbox) => {
                let verifier = ably_auth_axum::Verifier::new(Duration::ZERO).key(&key());
                let token = verifier.verify_token(&Token::new(&answer.body).unwrap()).await.unwrap();
                assert!(token.client_id().permits(name));
                assert!(
                    token.capability().permits(inbox, "subscribe") && token.capability().permits("chat:a", "publish")
                );
                assert!(!token.capability().permits("inbox:alice", "subscribe"));
            }
            Err(refused) => assert_eq!(answer.refused(), refused),
        }
    }
    assert_eq!(post_form(&app, "/login", "name=*").await.refused(), (403, 40300));
}

#[tokio::test]
async fn protected_routes_check_capability() {
    let app = protected_routes::app(verifier()).unwrap();
    let bob = mint(|jwt| {
        jwt.client_id = Some("bob");
        jwt.capability = Some(r#"{"chat:lobby":["publish","history"]}"#);
    });
    let alice = mint(|jwt| {
        jwt.client_id = Some("alice");
        jwt.capability = Some(r#"{"chat:attic":["publish"]}"#);
    });
    let ask = |token: &Token, method: &str, uri: &str| {
        let request = Request::builder().method(method).uri(uri.to_owned());
        let request = request.header("authorization", format!("Bearer {}", token.expose()));
        let request = request.header("content-type", "text/plain").body("hello".to_owned().into()).unwrap();
        let app = app.clone();
        async move { send(&app, request).await }
    };
    assert_eq!(ask(&bob, "POST", "/rooms/lobby/notes").await.status, 200);
    assert_eq!(ask(&bob, "GET", "/rooms/lobby/notes").await.body, r#"["bob: hello"]"#);
    assert_eq!(ask(&alice, "POST", "/rooms/lobby/notes").await.refused(), (401, 40160));
    assert_eq!(ask(&alice, "POST", "/rooms/attic/notes").await.status, 200);
    assert_eq!(ask(&alice, "GET", "/rooms/attic/notes").await.refused(), (401, 40160));
    assert_eq!(ask(&bob, "GET", "/rooms").await.body, r#"["lobby"]"#, "without the attic");
    assert_eq!(get(&app, "/rooms").await.refused(), (401, 40101));
}

#[test]
fn ten_lines_have_ten_lines_and_equal_readme() {
    let example = include_str!("../../examples/ten_lines.rs");
    let code = &example[example.find("use ").unwrap()..];
    assert_eq!(code.lines().filter(|line| !line.is_empty()).count(), 10);
    assert!(include_str!("../../README.md").contains(code));
}
