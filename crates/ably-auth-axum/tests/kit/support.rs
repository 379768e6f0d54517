//! A key, a fixed time, and requests for the tests.

use std::time::Duration;

use ably_auth_axum::{ApiKey, AuthEndpoint, Capability, Timestamp, Token, Verifier};
use ably_auth_core::JwtFields;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::response::Response;
use http::Request;
use http::request::Builder;
use test_support::SHOP_KEY;
use tower::ServiceExt as _;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_500);

pub(crate) fn key() -> ApiKey {
    ApiKey::parse(SHOP_KEY).unwrap()
}

pub(crate) fn other_key() -> ApiKey {
    ApiKey::parse("shop.other:another-secret").unwrap()
}

pub(crate) fn capability(text: &str) -> Capability {
    text.parse().unwrap()
}

/// Returns the endpoint with a fixed time and fixed random numbers.
pub(crate) fn fixed(endpoint: AuthEndpoint) -> AuthEndpoint {
    endpoint.clock(|| NOW).random(|| [7; 16])
}

pub(crate) fn verifier() -> Verifier {
    Verifier::new(Duration::ZERO).clock(|| NOW).key(&key())
}

pub(crate) fn mint(fields: impl FnOnce(&mut JwtFields<'_>)) -> Token {
    mint_with(&key(), fields)
}

pub(crate) fn mint_with(key: &ApiKey, fields: impl FnOnce(&mut JwtFields<'_>)) -> Token {
    let mut minted = JwtFields::new(key.key_name().as_str(), NOW, ably_auth_axum::Ttl::DEFAULT);
    fields(&mut minted);
    minted.mint(&key.signer()).unwrap()
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Returns the status and the code of a refusal, and checks that its headers and its body agree.
    pub(crate) fn refused(&self) -> (u16, u64) {
        let error = &self.json()["error"];
        let code = error["code"].as_u64().unwrap();
        assert_eq!(self.header("x-ably-errorcode"), Some(&*code.to_string()), "{}", self.body);
        assert!(!self.header("x-ably-errormessage").unwrap().is_empty());
        assert_eq!(error["statusCode"], self.status);
        assert_eq!(error["href"], format!("https://help.ably.io/error/{code}"));
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert_eq!(self.header("cache-control"), Some("no-store"));
        assert_eq!(self.headers.contains_key("www-authenticate"), self.status == 401);
        assert!(error["message"].as_str().unwrap().contains("; "), "the message gives advice: {}", self.body);
        (self.status, code)
    }
}

pub(crate) async fn send(app: &Router, request: Request<Body>) -> Answer {
    let response: Response = app.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
}

pub(crate) async fn get(app: &Router, uri: &str) -> Answer {
    send(app, Request::get(uri).body(Body::empty()).unwrap()).await
}

pub(crate) async fn post_form(app: &Router, uri: &str, form: &str) -> Answer {
    let request = Request::post(uri).header("content-type", "application/x-www-form-urlencoded; charset=utf-8");
    send(app, request.body(Body::from(form.to_owned())).unwrap()).await
}

/// Sends a request with a token.
pub(crate) async fn with_token(app: &Router, token: &Token, request: Builder) -> Answer {
    let request = request.header("authorization", format!("Bearer {}", token.expose()));
    send(app, request.body(Body::empty()).unwrap()).await
}

/// Encodes params for a query or a form.
pub(crate) fn encoded(params: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish()
}
