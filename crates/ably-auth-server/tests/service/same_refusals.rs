//! A backend that verifies tokens itself refuses a request as the service does: with the same code and the same text.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ably_auth_backend::{Authenticator, Verifier};
use ably_auth_core::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use serde_json::json;

use crate::support::*;

type Headers<'a> = &'a [(&'static str, &'a str)];

fn of_service(headers: Headers<'_>) -> (u64, String) {
    let request = headers.iter().fold(Request::get("/channels/chat"), |request, (name, value)| {
        request.header(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap())
    });
    let answer = World::new().send(request, "");
    (answer.code().1, answer.message())
}

fn of_backend(headers: Headers<'_>) -> (u64, String) {
    let verifier = Verifier::new(Duration::from_secs(2)).clock(|| Timestamp::from_millis(NOW)).key(&key(KEY));
    let limited = r#"{"chat:*":["publish","subscribe"],"status":["history"]}"#.parse::<ably_auth_core::Capability>();
    let authenticator = Authenticator::new(verifier.key_limited_to(&key(LIMITED), limited.unwrap()));
    let pairs = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap()));
    let headers = pairs.fold(HeaderMap::new(), |mut headers, (name, value)| {
        headers.append(name, value);
        headers
    });
    let uri = Uri::from_static("/channels/chat");
    match pin!(authenticator.authenticate(&headers, &uri)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => {
            let refusal = outcome.unwrap_err();
            (refusal.info().code().as_u32().into(), refusal.info().message().to_owned())
        }
        Poll::Pending => panic!("the verifier must not wait"),
    }
}

#[test]
fn jwt_is_refused_with_same_code_and_text() {
    let header = json!({ "typ": "JWT", "alg": "HS256", "kid": KEY });
    let payload = json!({ "iat": NOW / 1000, "exp": NOW / 1000 + 60 });
    let encode = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let embedding = |token: &str| format!("{}.{}.c2ln", encode(&json!({ "x-ably-token": token })), encode(&json!({})));
    let nested = embedding(&embedding(&jwt(KEY, 60, &json!({}))));
    let cases = [
        (40144, "a.b.c".into()),
        (40144, jwt_of(&header, &payload, "another-secret")),
        (40144, jwt_of(&json!({ "alg": "none", "kid": KEY }), &payload, SECRET)),
        (40144, jwt(KEY, 60, &json!({ "iat": NOW / 1000 + 3 }))),
        (40144, jwt(KEY, 60, &json!({ "nbf": NOW / 1000 + 3 }))),
        (40144, jwt(KEY, 60, &json!({ "x-ably-capability": r#"{"chat":["pubish"]}"# }))),
        (40142, jwt(KEY, 0, &json!({ "iat": NOW / 1000 - 60, "exp": NOW / 1000 - 30 }))),
        (40003, jwt(KEY, 24 * 60 * 60 + 1, &json!({}))),
        (40012, jwt(KEY, 60, &json!({ "x-ably-clientId": "" }))),
        (40160, jwt(LIMITED, 60, &json!({ "x-ably-capability": r#"{"other":["publish"]}"# }))),
        (40160, jwt(LIMITED, 60, &json!({ "x-ably-capability": r#"{"status":["publish"]}"# }))),
        (40145, embedding(" ")),
        (40144, nested),
        (40145, "app1".into()),
    ];
    for (code, token) in cases {
        let header = format!("Bearer {token}");
        let refused = of_service(&[("authorization", &header)]);
        assert_eq!(refused.0, code, "{token}: {}", refused.1);
        assert_eq!(of_backend(&[("authorization", &header)]), refused, "{token}");
    }
}

#[test]
fn credentials_are_refused_with_same_code_and_text() {
    let token = format!("Bearer {}", jwt(KEY, 60, &json!({ "x-ably-clientId": "bob" })));
    let [bob, alice] = ["bob", "alice"].map(|name| STANDARD.encode(name));
    let cases: [(u64, Headers<'_>); 5] = [
        (40101, &[]),
        (40145, &[("authorization", "Bearer !")]),
        (40012, &[("authorization", &token), ("x-ably-clientid", "no base64!")]),
        (40012, &[("authorization", &token), ("x-ably-clientid", &bob), ("x-ably-clientid", &alice)]),
        (40102, &[("authorization", &token), ("x-ably-clientid", &alice)]),
    ];
    for (code, headers) in cases {
        let refused = of_service(headers);
        assert_eq!(refused.0, code, "{headers:?}: {}", refused.1);
        assert_eq!(of_backend(headers), refused, "{headers:?}");
    }
}

/// Only the advice differs: the service accepts keys too.
#[test]
fn authorization_header_is_refused_for_same_problem() {
    let cases: [(u64, Headers<'_>); 3] = [
        (40005, &[("authorization", "Bearer a.b"), ("authorization", "Bearer a.b")]),
        (40005, &[("authorization", "Bearer ä.b")]),
        (40101, &[("authorization", "Digest x")]),
    ];
    for (code, headers) in cases {
        let [service, backend] = [of_service(headers), of_backend(headers)];
        assert_eq!((service.0, backend.0), (code, code), "{headers:?}");
        let (problem, advice) = service.1.split_once("; ").unwrap();
        assert_eq!(backend.1, format!("{problem}; send `Bearer` with a token"));
        assert_eq!(advice, "send `Bearer` with a token or `Basic` with the base64 of a key");
    }
}
