//! A service on a free port of this machine, for as long as a test needs it.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread::JoinHandle;

use ably_auth::{ApiKey, Endpoint};
use ably_auth_server::{Apps, Server, Service};
use tokio::sync::oneshot;

const KEY: &str = "shop.backend:a-secret-of-the-shop";

pub(crate) struct TestService {
    pub(crate) endpoint: Endpoint,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TestService {
    /// Starts a service with a runtime of its own, so that tests without one can use it too.
    pub(crate) fn start() -> Self {
        let apps = serde_json::json!({
            "appId": "shop",
            "keys": [{
                "id": "backend", "secret": "a-secret-of-the-shop", "revocableTokens": true,
                "capability": r#"{"chat:*":["*"],"status":["subscribe"]}"#,
            }],
        });
        let service =
            Service::builder().apps(Apps::from_json(&apps.to_string()).unwrap()).sandbox(true).build().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let (address, bound) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
                let server = Server::bind(listen, service).await.unwrap();
                address.send(server.local_addr()).unwrap();
                let stopped = async { drop(stopped.await) };
                server.run(stopped).await.unwrap();
            });
        });
        let endpoint = Endpoint::parse(&format!("http://{}", bound.recv().unwrap())).unwrap();
        Self { endpoint, stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for TestService {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

pub(crate) fn key() -> ApiKey {
    ApiKey::parse(KEY).unwrap()
}

pub(crate) fn message() -> http::Request<bytes::Bytes> {
    let body = r#"{"name":"greeting","data":"hello"}"#;
    let request = http::Request::post("/channels/chat:lobby/messages").header("content-type", "application/json");
    request.body(body.into()).unwrap()
}
