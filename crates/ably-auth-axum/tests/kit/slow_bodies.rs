//! Slow request bodies at an auth URL, and answers that other sites may not embed.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ably_auth_axum::{AuthEndpoint, Grant};
use axum::Router;
use axum::body::Body;
use futures_util::{StreamExt as _, stream};
use http::{Method, Request};

use crate::support::{capability, fixed, key, send};

fn app(body_timeout: Duration, decides: &Arc<AtomicBool>) -> Router {
    let decides = Arc::clone(decides);
    let endpoint = fixed(AuthEndpoint::jwt(&key())).body_timeout(body_timeout).grant(move || async move {
        decides.store(true, Ordering::SeqCst);
        Grant::identified("bob", capability(r#"{"chat":["publish"]}"#))
    });
    Router::new().route("/ably-token", endpoint)
}

/// Returns a body that sends one part and then nothing more.
fn unfinished() -> Body {
    let begins = stream::once(async { Ok::<_, std::convert::Infallible>("ttl=6") });
    Body::from_stream(begins.chain(stream::pending()))
}

fn post(body: Body) -> Request<Body> {
    let request = Request::post("/ably-token").header("content-type", "application/x-www-form-urlencoded");
    request.body(body).unwrap()
}

#[tokio::test(start_paused = true)]
#[allow(clippy::disallowed_methods, reason = "the runtime's virtual time, which the test moves")]
async fn unfinished_body_is_refused_after_timeout() {
    let decides = Arc::new(AtomicBool::new(false));
    for (timeout, passes) in [(Duration::from_secs(3), 3), (Duration::from_secs(3600), 3600)] {
        let begins = tokio::time::Instant::now();
        let answer = send(&app(timeout, &decides), post(unfinished())).await;
        assert_eq!(answer.refused(), (408, 40000), "{}", answer.body);
        assert_eq!(begins.elapsed().as_secs(), passes);
    }
    let unset =
        Router::new().route("/ably-token", AuthEndpoint::jwt(&key()).grant(|| async { pending::<Grant>().await }));
    assert_eq!(send(&unset, post(unfinished())).await.status, 408, "there is a time limit by default");
    assert!(!decides.load(Ordering::SeqCst));
}

/// The body timeout does not limit the application's decision.
#[tokio::test(start_paused = true)]
async fn slow_decision_does_not_time_out() {
    let endpoint = fixed(AuthEndpoint::jwt(&key())).body_timeout(Duration::from_secs(1)).grant(|| async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        Grant::identified("bob", capability(r#"{"chat":["publish"]}"#))
    });
    let answer = send(&Router::new().route("/ably-token", endpoint), post(Body::from("ttl=60000"))).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn answers_are_for_same_origin_unless_others_are_allowed() {
    let grant = || async { Grant::identified("bob", capability(r#"{"chat":["publish"]}"#)) };
    let own = Router::new().route("/ably-token", fixed(AuthEndpoint::jwt(&key())).grant(grant));
    let page = fixed(AuthEndpoint::jwt(&key())).allow_origin("https://app.example.com").unwrap();
    let page = Router::new().route("/ably-token", page.grant(grant));
    let any = Router::new().route("/ably-token", fixed(AuthEndpoint::jwt(&key())).allow_any_origin().grant(grant));
    for (app, policy) in [(own, "same-origin"), (page, "cross-origin"), (any, "cross-origin")] {
        for method in [Method::GET, Method::POST, Method::OPTIONS, Method::DELETE] {
            let request = Request::builder().method(method.clone()).uri("/ably-token").body(Body::empty()).unwrap();
            let answer = send(&app, request).await;
            assert_eq!(answer.header("cross-origin-resource-policy"), Some(policy), "{method}");
        }
    }
}
