//! What the examples talk to: Ably if `ABLY_API_KEY` is set, otherwise a service of this process.

use std::error::Error;
use std::sync::mpsc;
use std::thread;

use ably_auth::{ApiKey, Endpoint};
use ably_auth_server::{Apps, Server, Service};

type Fault = Box<dyn Error + Send + Sync>;

const APPS: &str = r#"{"appId":"sandbox","keys":[{"id":"key1","secret":"of-no-importance","revocableTokens":true}]}"#;

/// The key, and where to go with it: the routing policy, host or URL in `ABLY_ENDPOINT`, or `main`.
pub(crate) fn key_and_endpoint() -> Result<(ApiKey, Endpoint), Fault> {
    if let Ok(key) = std::env::var("ABLY_API_KEY") {
        let endpoint = std::env::var("ABLY_ENDPOINT").unwrap_or_else(|_| "main".to_owned());
        return Ok((ApiKey::parse(&key)?, Endpoint::parse(&endpoint)?));
    }
    let (listening, address) = mpsc::channel();
    // With a runtime of its own, since the blocking client has none. It ends with the process.
    thread::spawn(move || -> Result<(), Fault> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let service = Service::builder().apps(Apps::from_json(APPS)?).sandbox(true).build()?;
            let server = Server::bind(([127, 0, 0, 1], 0).into(), service).await?;
            listening.send(server.local_addr())?;
            Ok(server.run(std::future::pending()).await?)
        })
    });
    let endpoint = Endpoint::parse(&format!("http://{}", address.recv()?))?;
    Ok((ApiKey::parse("sandbox.key1:of-no-importance")?, endpoint))
}
