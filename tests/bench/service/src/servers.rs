//! The measured servers.

use std::sync::Arc;

use ably_auth_axum::{AuthEndpoint, Capability, Grant, Refusal};
use ably_auth_server::store::{Redb, Redis, RedisOptions};
use ably_auth_server::{Apps, Server, Service};
use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

pub const KEY: &str = "app1.key1:EVKVTCBlzLBPYJiCZTsIW_pqylJ9WVRB5K9P19Ap1y0";

/// The server with a console, which a reader has open.
pub const CONSOLE: &str = "console";

/// Environment variable with the store's folder or URL.
pub const PLACE: &str = "PLACE";

/// The fields of a token request, which the echo server does not process.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Echoed {
    key_name: String,
    timestamp: u64,
    nonce: String,
    capability: String,
    client_id: String,
    mac: String,
}

/// Returns a router with an auth URL for users with a session cookie.
fn auth_url(endpoint: AuthEndpoint) -> Router {
    let chat: Arc<Capability> = Arc::new(r#"{"chat:*":["publish","subscribe"]}"#.parse().unwrap());
    let grant = |headers: HeaderMap| async move {
        let cookie = headers.get("cookie").and_then(|cookie| cookie.to_str().ok());
        let user = cookie.and_then(|cookie| cookie.strip_prefix("session="));
        Grant::identified(user.ok_or_else(|| Refusal::unauthenticated("nobody is logged in; log in first"))?, chat)
    };
    Router::new().route("/ably-token", endpoint.grant(grant))
}

/// Prints the address, and serves until the process is killed.
pub async fn serve(which: &str) {
    let router = match which {
        "echo" => {
            Some(Router::new().route("/keys/{key}/requestToken", post(|Json(body): Json<Echoed>| async { Json(body) })))
        }
        "endpoint jwt" => Some(auth_url(AuthEndpoint::jwt(&KEY.parse().unwrap()))),
        "endpoint request" => Some(auth_url(AuthEndpoint::token_request(&KEY.parse().unwrap()))),
        _ => None,
    };
    if let Some(router) = router {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        axum::serve(axum::serve::ListenerExt::tap_io(listener, |stream| stream.set_nodelay(true).unwrap()), router)
            .await
            .unwrap();
        return;
    }
    let service = Service::builder().apps(Apps::of_key(KEY.parse().unwrap()));
    let service = match which {
        "memory" => service,
        "sandbox" => service.sandbox(true),
        CONSOLE => service.sandbox(true).console(true),
        "redb" => service.store(Redb::open(std::env::var(PLACE).unwrap()).unwrap()),
        "redis" => {
            let mut options = RedisOptions::default();
            options.is_new = true;
            service.store(Redis::connect_with(&std::env::var(PLACE).unwrap(), options).await.unwrap())
        }
        _ => panic!("unknown server `{which}`"),
    };
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), service.build().unwrap()).await.unwrap();
    println!("{}", server.local_addr());
    server.run(std::future::pending()).await.unwrap();
}
