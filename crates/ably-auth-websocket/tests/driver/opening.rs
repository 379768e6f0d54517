//! Opening a connection.

use std::time::Duration;

use ably_auth_websocket::{
    Action, ClientId, Connection, ConnectionOptions, ConnectionState, ErrorKind, Format, ProtocolMessage,
};
use tokio::time::sleep;

use super::support::{Server, Tokens, connected, from, message, open, options, states};

#[tokio::test(start_paused = true)]
async fn token_is_fetched_and_offered_in_the_query() {
    let mut server = Server::new();
    let client = Tokens::default().client_options().client_id("bob");
    let (connection, mut events) = Connection::open(from(&server, client).echo(false)).unwrap();
    let peer = server.connect().await;
    assert_eq!(peer.host, "127.0.0.1");
    let of = |name: &str| peer.query.get(name).map(String::as_str);
    assert_eq!(of("accessToken"), Some("app.token-1"));
    assert_eq!((of("clientId"), of("echo"), of("format")), (Some("bob"), Some("false"), Some("json")));
    connection.connect().await.unwrap();
    assert_eq!((connection.id().as_deref(), connection.key().as_deref()), (Some("c1"), Some("k1")));
    assert_eq!(connection.details().unwrap().max_idle_interval(), Some(Duration::from_secs(15)));
    assert_eq!(connection.client_id(), "bob".parse::<ClientId>().unwrap());
    let states = states(&mut events, ConnectionState::Connected).await;
    assert_eq!(states, [ConnectionState::Connecting, ConnectionState::Connected]);
}

#[tokio::test(start_paused = true)]
async fn key_is_offered_without_http_client() {
    let mut server = Server::new();
    let client = super::support::ClientOptions::new().endpoint("http://127.0.0.1:1").allow_basic_on_loopback(true);
    let (_connection, _events) = Connection::open(from(&server, client.key("app.key:secret"))).unwrap();
    assert_eq!(server.accept().await.query["key"], "app.key%3Asecret");
}

#[tokio::test(start_paused = true)]
async fn minted_jwt_is_offered_without_http_client() {
    let mut server = Server::new();
    let client = super::support::ClientOptions::new().endpoint("http://127.0.0.1:1").key("app.key:secret");
    let (_connection, _events) = Connection::open(from(&server, client.mint_jwt(true))).unwrap();
    assert!(server.accept().await.query["accessToken"].starts_with("ey"));
}

#[tokio::test(start_paused = true)]
async fn token_exchange_without_http_client_is_explained() {
    let server = Server::new();
    let client = super::support::ClientOptions::new().endpoint("http://127.0.0.1:1").key("app.key:secret");
    let (connection, _events) = Connection::open(from(&server, client.use_token_auth(true))).unwrap();
    let error = connection.connect().await.unwrap_err();
    assert_eq!(connection.state(), ConnectionState::Failed);
    let expected = "the client sends no such requests (host `127.0.0.1:1`); return tokens or JWTs";
    assert!(error.to_string().starts_with(expected), "{error}");
}

#[tokio::test(start_paused = true)]
async fn connection_without_auto_connect_waits_for_connect() {
    let mut server = Server::new();
    let (connection, _events) = Connection::open(options(&server).auto_connect(false)).unwrap();
    sleep(Duration::from_secs(60)).await;
    assert!(!server.has_accepted());
    assert_eq!(connection.state(), ConnectionState::Initialized);
    let error = connection.send(ProtocolMessage::new(Action::Attach).channel("chat")).await.unwrap_err();
    assert_eq!((error.kind(), error.ably_code().as_u32()), (ErrorKind::Connection, 80003));
    assert!(error.to_string().contains("`initialized`; call `connect`"), "{error}");
    let (connects, peer) = tokio::join!(connection.connect(), server.connect());
    connects.unwrap();
    drop(peer);
}

#[tokio::test(start_paused = true)]
async fn connect_reports_why_it_failed() {
    let mut server = Server::new();
    let (connection, _events) = Connection::open(options(&server)).unwrap();
    let refuses = async {
        let mut peer = server.accept().await;
        peer.send(message(r#"{"action":9,"error":{"code":40101,"statusCode":401,"message":"no such key"}}"#)).await;
    };
    let (outcome, ()) = tokio::join!(connection.connect(), refuses);
    let error = outcome.unwrap_err();
    assert_eq!((error.ably_code().as_u32(), error.status_code()), (40101, 401));
    assert_eq!(connection.state(), ConnectionState::Failed);
    let error = connection.send(ProtocolMessage::new(Action::Heartbeat)).await.unwrap_err();
    assert!(error.to_string().contains("`failed`; see the cause"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn identity_follows_the_service() {
    let mut server = Server::new();
    let (connection, mut events) = Connection::open(options(&server)).unwrap();
    let mut peer = server.accept().await;
    let json = r#"{"action":4,"connectionId":"c","connectionDetails":{"clientId":"eve","connectionKey":"k"}}"#;
    peer.send(message(json)).await;
    states(&mut events, ConnectionState::Connected).await;
    assert_eq!(connection.client_id(), "eve".parse::<ClientId>().unwrap());
}

#[tokio::test(start_paused = true)]
async fn lost_connection_is_resumed() {
    let (connection, mut events, mut server, peer) = open().await;
    states(&mut events, ConnectionState::Connected).await;
    drop(peer);
    let mut peer = server.accept().await;
    assert_eq!(peer.query["resume"], "k1");
    peer.send(connected("c1", "k2")).await;
    let change = loop {
        match events.next().await.unwrap() {
            ably_auth_websocket::Event::Change(change) if change.current() == ConnectionState::Connected => {
                break change;
            }
            _ => {}
        }
    };
    assert!(change.is_resumed());
    let key = connection.create_recovery_key(3, [("chat", "s7")]).unwrap();
    assert_eq!((key.connection_key(), key.msg_serial(), key.channel_serial("chat")), ("k2", 3, Some("s7")));
}

#[tokio::test(start_paused = true)]
async fn recovery_key_is_offered() {
    let mut server = Server::new();
    let recovery = ably_auth_websocket::RecoveryKey::new("k9", 0, [("chat", "s7")]).to_text();
    let (_connection, _events) = Connection::open(options(&server).recover(recovery)).unwrap();
    assert_eq!(server.accept().await.query["recover"], "k9");
}

#[tokio::test(start_paused = true)]
async fn extreme_limits_do_not_panic() {
    for extreme in [0, usize::MAX] {
        let mut server = Server::new();
        let options = options(&server).queue_capacity(extreme).realtime_request_timeout(Duration::MAX);
        let (connection, _events) = Connection::open(options.max_frame_bytes(usize::MAX)).unwrap();
        let mut peer = server.connect().await;
        connection.connect().await.unwrap();
        connection.send(ProtocolMessage::new(Action::Attach).channel("chat")).await.unwrap();
        assert_eq!(peer.next().await.unwrap().action(), Action::Attach);
    }
}

#[test]
fn connection_outside_of_a_runtime_is_refused() {
    let client = super::support::ClientOptions::new().key("app.key:secret");
    let error = Connection::open(ConnectionOptions::from_client_options(client).unwrap()).unwrap_err();
    assert!(error.to_string().contains("no tokio runtime"), "{error}");
}

#[tokio::test]
async fn invalid_root_certificates_are_refused() {
    let client = super::support::ClientOptions::new().key("app.key:secret").add_root_certificates("nonsense");
    let error = Connection::open(ConnectionOptions::from_client_options(client).unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("holds no certificate"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn messagepack_is_the_default_format() {
    let mut server = Server::new();
    let options = ConnectionOptions::from_client_options(Tokens::default().client_options()).unwrap();
    let (connection, _events) = Connection::open(options.connect_with(server.hook())).unwrap();
    let peer = server.connect().await;
    assert_eq!(peer.format, Format::MsgPack);
    connection.connect().await.unwrap();
}
