//! A worker that publishes all day. Its tokens expire after half a second, and are renewed without an interruption.
//!
//! ```console
//! $ cargo run --example worker
//! token 1 publishes
//! token 2 publishes
//! token 3 publishes
//! token 4 publishes
//! token 5 publishes
//! token 6 publishes
//! token 7 publishes
//! token 8 publishes
//! no message was lost
//! ```
//!
//! By default, it starts its own token service. If `ABLY_API_KEY` is set, it uses Ably, or the service in
//! `ABLY_ENDPOINT`.

mod sandbox;

use std::error::Error;
use std::time::Duration;

use ably_auth_reqwest::{Client, ClientOptions, TokenParams, Ttl};
use http::Request;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let (key, endpoint) = sandbox::key_and_endpoint()?;
    // A lifetime of an hour is usual; half a second shows many renewals in a short time.
    let short = TokenParams::new().ttl(Ttl::from_millis(500)?);
    let options = ClientOptions::new().key(key).endpoint(endpoint).use_token_auth(true).default_token_params(short);
    let client = Client::new(options)?;

    let (mut tokens, mut current) = (0, None);
    while tokens < 8 {
        let message =
            Request::post("/channels/readings/messages").body(r#"{"name":"reading","data":"21.5"}"#.into())?;
        // Renews the token shortly before it expires, while the old one is still valid. A refused message would be an
        // error here.
        client.request(message).await?;
        let used = client.auth().token_details();
        if used != current {
            tokens += 1;
            println!("token {tokens} publishes");
            current = used;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("no message was lost");
    Ok(())
}
