//! A service on a free local port, stopped on drop.

use ably_auth::{ApiKey, Endpoint};
use ably_auth_server::{App, Key, Sandbox};
use test_support::SHOP_KEY;

pub(crate) struct TestService {
    pub(crate) endpoint: Endpoint,
    _sandbox: Sandbox,
}

impl TestService {
    /// Starts a service whose key has a limited capability and revocable tokens.
    pub(crate) fn start() -> Self {
        let capability = r#"{"chat:*":["*"],"status":["subscribe"]}"#;
        let key = Key::new(key()).with_capability(capability.parse().unwrap()).with_revocable_tokens(true);
        let app = App::new("shop").unwrap().with_key(key).unwrap();
        let sandbox = Sandbox::builder().app(app).start().unwrap();
        Self { endpoint: Endpoint::parse(sandbox.url()).unwrap(), _sandbox: sandbox }
    }
}

pub(crate) fn key() -> ApiKey {
    ApiKey::parse(SHOP_KEY).unwrap()
}

pub(crate) fn message() -> http::Request<bytes::Bytes> {
    let body = r#"{"name":"greeting","data":"hello"}"#;
    let request = http::Request::post("/channels/chat:lobby/messages").header("content-type", "application/json");
    request.body(body.into()).unwrap()
}
