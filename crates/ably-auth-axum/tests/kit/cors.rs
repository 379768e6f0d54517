//! CORS of the auth URL.

use ably_auth_axum::{AuthEndpoint, ErrorKind, Grant, Refusal};
use axum::Router;
use axum::body::Body;
use http::{Method, Request};

use crate::support::{Answer, capability, fixed, key, send};

const APP: &str = "https://app.example.com";

fn app(endpoint: AuthEndpoint) -> Router {
    Router::new()
        .route("/token", fixed(endpoint).grant(|| async { Grant::identified("bob", capability(r#"{"chat":["*"]}"#)) }))
}

fn of_one_origin() -> Router {
    app(AuthEndpoint::jwt(&key()).allow_origin(APP).unwrap().allow_origin("http://localhost:8080").unwrap())
}

async fn ask(app: &Router, method: Method, uri: &str, headers: &[(&str, &str)]) -> Answer {
    let request = headers.iter().fold(Request::builder(), |request, (name, value)| request.header(*name, *value));
    send(app, request.method(method).uri(uri).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn preflight_of_allowed_origin_lists_methods_and_headers() {
    let app = of_one_origin();
    for origin in [APP, "http://localhost:8080"] {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "x-csrf-token, content-type"),
        ];
        let answer = ask(&app, Method::OPTIONS, "/token", &headers).await;
        assert_eq!((answer.status, &*answer.body), (204, ""));
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
        assert_eq!(answer.header("access-control-allow-methods"), Some("GET, POST"));
        assert_eq!(answer.header("access-control-allow-headers"), Some("x-csrf-token, content-type"));
        assert_eq!(answer.header("access-control-max-age"), Some("7200"));
        assert_eq!(answer.header("vary"), Some("Origin"));
    }
}

#[tokio::test]
async fn other_origin_is_not_allowed() {
    let app = of_one_origin();
    for origin in ["https://evil.example.com", "https://app.example.com.evil.com", "http://app.example.com", "null"] {
        for method in [Method::GET, Method::OPTIONS] {
            let headers = [("origin", origin), ("access-control-request-method", "GET")];
            let answer = ask(&app, method, "/token", &headers).await;
            let allowed = answer.headers.keys().filter(|name| name.as_str().starts_with("access-control-")).count();
            assert_eq!(allowed, 0, "{origin}");
            assert_eq!(answer.header("vary"), Some("Origin"));
        }
    }
}

/// The page must be able to read a refusal too, to distinguish a 403 from a network failure.
#[tokio::test]
async fn allowed_page_can_read_every_answer() {
    let app = of_one_origin();
    let refusing = AuthEndpoint::jwt(&key()).allow_origin(APP).unwrap();
    let refusing = refusing.grant(|| async { Err::<Grant, _>(Refusal::forbidden("no; ask the support")) });
    let refusing = Router::new().route("/token", refusing);
    for (app, method, uri, status) in [
        (&app, Method::GET, "/token", 200),
        (&app, Method::GET, "/token?ttl=x", 400),
        (&app, Method::PUT, "/token", 405),
        (&refusing, Method::GET, "/token", 403),
    ] {
        let answer = ask(app, method, uri, &[("origin", APP)]).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), Some(APP));
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
        assert_eq!(answer.header("access-control-expose-headers"), Some("X-Ably-Errorcode, X-Ably-Errormessage"));
    }
}

#[tokio::test]
async fn any_origin_is_allowed_without_cookies() {
    let app = app(AuthEndpoint::jwt(&key()).allow_origin(APP).unwrap().allow_any_origin());
    for (method, status) in [(Method::GET, 200), (Method::OPTIONS, 204)] {
        let headers = [("origin", "https://elsewhere.example.com"), ("access-control-request-method", "GET")];
        let answer = ask(&app, method, "/token", &headers).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (status, Some("*")));
        assert_eq!(answer.header("access-control-allow-credentials"), None);
    }
}

#[tokio::test]
async fn no_origin_is_allowed_by_default() {
    let app = app(AuthEndpoint::jwt(&key()));
    let headers = [("origin", APP), ("access-control-request-method", "GET")];
    for (method, status) in [(Method::GET, 200), (Method::OPTIONS, 204)] {
        let answer = ask(&app, method, "/token", &headers).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (status, None));
        assert_eq!(answer.header("vary"), None);
    }
    let options = ask(&app, Method::OPTIONS, "/token", &[]).await;
    assert_eq!(options.header("allow"), Some("GET, HEAD, POST, OPTIONS"));
}

/// An origin that is written differently would never equal the one that a browser sends.
#[test]
fn origin_that_no_browser_sends_is_refused() {
    let wrong = ["", "app.example.com", "https://app.example.com/", "https://App.example.com", "https://a.com/x", "*"];
    for origin in wrong.into_iter().chain(["https://*.example.com", "null", "https://u@a.com", "https://a.com\n"]) {
        let error = AuthEndpoint::jwt(&key()).allow_origin(origin).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Origin, "{origin}");
        assert!(error.to_string().contains("`https://app.example.com`"), "{error}");
    }
    for origin in [APP, "http://localhost:8080", "http://127.0.0.1", "http://[::1]:80"] {
        assert!(AuthEndpoint::jwt(&key()).allow_origin(origin).is_ok(), "{origin}");
    }
}
