//! `ably-auth demo`: the lifecycle of a credential, over real HTTP.

mod realtime;
mod recorder;
mod scene;
mod story;
mod timeline;

use ably_auth::{ApiKey, Endpoint, Random as _, SystemRandom};
use ably_auth_server::{App, Key, Sandbox};
use serde_json::json;

use crate::output::{Failure, Outcome};

pub(crate) fn run(json: bool) -> Result<Outcome, Failure> {
    let failed = |what: &str, error: &dyn std::fmt::Display| Failure::Failed {
        text: format!("{what}: {error}"),
        json: json!({ "error": { "message": format!("{what}: {error}") } }),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failed("the runtime cannot be started", &error))?;
    let key = new_key()?;
    let capability = story::KEY_CAPABILITY.parse().map_err(ably_auth::Error::from)?;
    let listed = Key::new(key.clone()).with_capability(capability).with_revocable_tokens(true);
    let app = App::new(key.key_name().app_id()).and_then(|app| app.with_key(listed));
    let sandbox = app.and_then(|app| Sandbox::builder().app(app).start());
    let sandbox = sandbox.map_err(|error| failed("the service cannot be started", &error))?;
    story::play(&runtime, &Endpoint::parse(sandbox.url())?, &key, json).map(Outcome::shown)
}

fn new_key() -> Result<ApiKey, Failure> {
    let secret = SystemRandom.nonce()?;
    Ok(ApiKey::parse(&format!("demo.key1:{secret}")).map_err(ably_auth::Error::from)?)
}
