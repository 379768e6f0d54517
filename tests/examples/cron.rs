//! A cron job: publishes a report, revokes the tokens of a user, and ends. It needs no async runtime. An error sets the
//! exit status.
//!
//! ```console
//! $ cargo run --example cron
//! the report is published
//! 1 revoked, 0 failed
//! ```
//!
//! By default, it starts its own token service. If `ABLY_API_KEY` is set, it uses Ably, or the service in
//! `ABLY_ENDPOINT`. The key must have revocable tokens.

mod sandbox;

use std::error::Error;

use ably_auth_blocking::{Client, ClientOptions, RevokeTokensRequest, TokenRevocationTargetSpecifier};
use http::Request;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let (key, endpoint) = sandbox::key_and_endpoint()?;
    // Two requests need no token: the client sends the key itself, over TLS or to the sandbox on this machine.
    let client = Client::new(ClientOptions::new().key(key).endpoint(endpoint).allow_basic_on_loopback(true))?;

    let report = r#"{"name":"nightly","data":"3 orders"}"#;
    client.request(Request::post("/channels/reports/messages").body(report.into())?)?;
    println!("the report is published");

    let leaving = [TokenRevocationTargetSpecifier::client_id("mallory")];
    let batch = client.auth().revoke_tokens(&RevokeTokensRequest::new(leaving))?;
    println!("{} revoked, {} failed", batch.success_count, batch.failure_count);
    Ok(())
}
