//! The smallest backend for a browser's `new Ably.Realtime({ authUrl: "/ably-token" })`. It has no users: everybody may
//! chat, and nobody has a clientId.
//!
//! ```console
//! $ ABLY_API_KEY=appId.keyId:secret cargo run --example ten_lines &
//! $ curl -s http://127.0.0.1:3000/ably-token
//! eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiIsImtpZCI6ImFwcElkLmtleUlkIn0.…
//! ```

use ably_auth_axum::{ApiKey, AuthEndpoint, Capability, Grant};
use axum::Router;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = ApiKey::from_env()?;
    let chat: Capability = r#"{"chat:*":["publish","subscribe"]}"#.parse()?;
    let endpoint = AuthEndpoint::jwt(&key).grant(|| async move { Grant::anonymous(chat) });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    Ok(axum::serve(listener, Router::new().route("/ably-token", endpoint)).await?)
}
