//! A program of a user who found the crates in a registry: it uses the main API of each crate and feature.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use ably_auth::{Clock as _, SystemClock};
use ably_auth_axum::{AuthEndpoint, Authenticate, Authenticated, Grant, Verifier, require};
use ably_auth_core::{ApiKey, Capability, Operation, TokenParams, jwt};
use ably_auth_server::{Apps, Server, Service};
use axum::{Router, routing::get};
use bytes::Bytes;
use http::Request;

const KEY: &str = "shop.backend:a-secret-of-the-shop";
const APP: &str = r#"{"appId":"shop","keys":[{"id":"backend","secret":"a-secret-of-the-shop"}]}"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let key = ApiKey::parse(KEY)?;

    let token = jwt::mint(&key, &TokenParams::new(), SystemClock.now())?;
    jwt::UnverifiedJwt::parse(token.expose())?.verify(&key.signer(), SystemClock.now(), Duration::ZERO)?;
    println!("ably-auth-core, ably-auth: a JWT is minted and verified");

    let report = ably_auth_inspect::inspect(token.expose(), SystemClock.now());
    assert!(report.problems.is_empty() && report.life.is_some());
    println!("ably-auth-inspect: a JWT is explained");

    let service = Service::builder().apps(Apps::from_json(APP)?).build()?;
    let server = Server::bind(([127, 0, 0, 1], 0).into(), service).await?;
    let service_url = format!("http://{}", server.local_addr());
    tokio::spawn(server.run(std::future::pending()));
    println!("ably-auth-server: a service listens");

    let backend = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let auth_url = format!("http://{}/ably-token", backend.local_addr()?);
    tokio::spawn(axum::serve(backend, app(&key)?).into_future());

    let endpoint = ably_auth::Endpoint::parse(&service_url)?;
    let options = ably_auth_reqwest::ClientOptions::new()
        .endpoint(endpoint.clone())
        .auth_url(ably_auth_reqwest::AuthUrl::new(&auth_url)?);
    let client = ably_auth_reqwest::Client::new(options)?;
    client.request(message()?).await?;
    // Represents another part of the program, which would panic if our crates enabled reqwest's TLS without a provider.
    drop(reqwest::Client::new());
    println!("ably-auth-axum, ably-auth-reqwest: a token from an auth URL publishes");

    let options = ably_auth_websocket::ClientOptions::new().endpoint(endpoint.clone()).key(key.clone()).mint_jwt(true);
    let options = ably_auth_websocket::ConnectionOptions::from_client_options(options)?;
    let (connection, _events) = ably_auth_websocket::Connection::open(options)?;
    connection.connect().await?;
    connection.close().await;
    println!("ably-auth-websocket: a JWT opens a realtime connection");

    let options =
        ably_auth_blocking::ClientOptions::new().endpoint(endpoint).key(key).client_id("bob").use_token_auth(true);
    let client = ably_auth_blocking::Client::new(options)?;
    tokio::task::spawn_blocking(move || client.request(message()?).map_err(Box::<dyn Error + Send + Sync>::from))
        .await??;
    println!("ably-auth-blocking: a token for a key publishes");
    Ok(())
}

fn app(key: &ApiKey) -> Result<Router, Box<dyn Error + Send + Sync>> {
    let chat: Arc<Capability> = Arc::new(r#"{"chat":["publish"]}"#.parse()?);
    let endpoint = AuthEndpoint::jwt(key).grant(|| async move { Grant::identified("alice", chat) });
    let guarded = get(|_: Authenticated| async {}).layer(require("chat", Operation::Publish)?);
    Ok(Router::new()
        .route("/chat", guarded)
        .layer(Authenticate::new(Verifier::new(Duration::ZERO).key(key)))
        .route("/ably-token", endpoint))
}

fn message() -> Result<Request<Bytes>, http::Error> {
    Request::post("/channels/chat/messages").body(r#"{"name":"greeting","data":"hello"}"#.into())
}
