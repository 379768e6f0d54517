//! The service for the examples: Ably if `ABLY_API_KEY` is set, otherwise a service in this process.

use std::error::Error;
use std::sync::OnceLock;

use ably_auth::{ApiKey, Endpoint};
use ably_auth_server::{App, Key, Sandbox};

type Fault = Box<dyn Error + Send + Sync>;

/// The sandbox of this process. It ends with the process.
static SANDBOX: OnceLock<Sandbox> = OnceLock::new();

/// Returns the key and the endpoint. `ABLY_ENDPOINT` is a routing policy, host or URL; the default is `main`.
pub(crate) fn key_and_endpoint() -> Result<(ApiKey, Endpoint), Fault> {
    if let Ok(key) = std::env::var("ABLY_API_KEY") {
        let endpoint = std::env::var("ABLY_ENDPOINT").unwrap_or_else(|_| "main".to_owned());
        return Ok((ApiKey::parse(&key)?, Endpoint::parse(&endpoint)?));
    }
    let key = Key::new("sandbox.key1:of-no-importance".parse()?).with_revocable_tokens(true);
    let sandbox = Sandbox::builder().app(App::new("sandbox")?.with_key(key)?).start()?;
    let sandbox = SANDBOX.get_or_init(|| sandbox);
    Ok((sandbox.key().clone(), Endpoint::parse(sandbox.url())?))
}
