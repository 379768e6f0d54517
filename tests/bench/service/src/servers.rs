//! What is measured.

use ably_auth_server::store::{Redb, Redis, RedisOptions};
use ably_auth_server::{Apps, Server, Service};
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

pub const KEY: &str = "app1.key1:EVKVTCBlzLBPYJiCZTsIW_pqylJ9WVRB5K9P19Ap1y0";

/// Says where a store is: a folder, or a URL.
pub const PLACE: &str = "PLACE";

/// A token request's fields, and nothing done about them.
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

/// Tells its address, and serves until it is killed.
pub async fn serve(which: &str) {
    if which == "echo" {
        let router =
            Router::new().route("/keys/{key}/requestToken", post(|Json(body): Json<Echoed>| async { Json(body) }));
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
        "redb" => service.store(Redb::open(std::env::var(PLACE).unwrap()).unwrap()),
        "redis" => {
            let mut options = RedisOptions::default();
            options.is_new = true;
            service.store(Redis::connect_with(&std::env::var(PLACE).unwrap(), options).await.unwrap())
        }
        _ => panic!("there is no server `{which}`"),
    };
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), service.build().unwrap()).await.unwrap();
    println!("{}", server.local_addr());
    server.run(std::future::pending()).await.unwrap();
}
