//! `ably-auth demo`: the life of a credential, over real HTTP.

mod recorder;
mod story;
mod timeline;

use std::net::{Ipv4Addr, SocketAddr};

use ably_auth::{ApiKey, Endpoint, Random as _, SystemRandom};
use ably_auth_server::{Apps, Server, Service};
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::output::{Failure, Outcome};

const KEY_CAPABILITY: &str = r#"{"chat:*":["history","publish","subscribe"],"status":["subscribe"]}"#;

pub(crate) fn run(json: bool) -> Result<Outcome, Failure> {
    let failed = |what: &str, error: &dyn std::fmt::Display| Failure::Failed {
        text: format!("{what}: {error}"),
        json: json!({ "error": { "message": format!("{what}: {error}") } }),
    };
    // Two threads: one for the service, one for the client that talks to it.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| failed("no runtime can be started", &error))?;
    let key = new_key()?;
    let app = json!({
        "appId": key.key_name().app_id(),
        "keys": [{
            "id": key.key_name().key_id(), "secret": key.secret().expose(),
            "capability": KEY_CAPABILITY, "revocableTokens": true,
        }],
    });
    let apps = Apps::from_json(&app.to_string()).map_err(|error| failed("the app cannot be made", &error))?;
    let service = Service::builder().apps(apps).sandbox(true).build();
    let service = service.map_err(|error| failed("the service cannot be made", &error))?;
    let (endpoint, stop) = start(&runtime, service)?;
    let told = story::tell(&runtime, &endpoint, &key, json);
    // The service may be gone already, which the story has noticed.
    let _ = stop.send(());
    told.map(Outcome::shown)
}

fn new_key() -> Result<ApiKey, Failure> {
    let secret = SystemRandom.nonce()?;
    Ok(ApiKey::parse(&format!("demo.key1:{secret}")).map_err(ably_auth::Error::from)?)
}

/// Starts the service on a free port of this machine; it ends when the sender is used or dropped.
fn start(runtime: &Runtime, service: Service) -> Result<(Endpoint, oneshot::Sender<()>), Failure> {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = runtime.block_on(Server::bind(listen, service));
    let server = server.map_err(|error| Failure::input("a port of this machine", error))?;
    let endpoint = Endpoint::parse(&format!("http://{}", server.local_addr()))?;
    let (stop, stopped) = oneshot::channel();
    runtime.spawn(server.run(async {
        let _ = stopped.await;
    }));
    Ok((endpoint, stop))
}
