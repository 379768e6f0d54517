//! Tokens of an open connection.

use ably_auth_websocket::{
    Action, Async, AuthOptions, Connection, ConnectionState, Error, ErrorKind, ProtocolMessage, Token, TokenParams,
};

use super::support::{ClientOptions, Peer, Server, Tokens, connected, from, message, next_message, open, states};

/// Waits for AUTH, and returns its token.
async fn auth(peer: &mut Peer) -> String {
    let auth = peer.next().await.unwrap();
    assert_eq!(auth.action(), Action::Auth);
    auth.get_auth().unwrap().access_token().expose().to_owned()
}

#[tokio::test(start_paused = true)]
async fn service_that_asks_for_a_token_gets_a_new_one() {
    let (connection, mut events, server, mut peer) = open().await;
    assert_eq!(peer.query["accessToken"], "app.token-1");
    peer.send(message(r#"{"action":17}"#)).await;
    assert_eq!(auth(&mut peer).await, "app.token-2");
    peer.send(connected("c1", "k2")).await;
    peer.send(ProtocolMessage::new(Action::Ack).msg_serial(0)).await;
    next_message(&mut events).await;
    assert_eq!((connection.state(), connection.key().as_deref()), (ConnectionState::Connected, Some("k2")));
    assert!(!server.has_accepted());
}

#[tokio::test(start_paused = true)]
async fn authorize_returns_once_the_service_has_answered() {
    let (connection, _events, _server, mut peer) = open().await;
    let serves = async {
        assert_eq!(auth(&mut peer).await, "app.token-2");
        peer.send(connected("c1", "k2")).await;
    };
    let (details, ()) = tokio::join!(connection.authorize(None), serves);
    assert_eq!(details.unwrap().token().expose(), "app.token-2");
    assert_eq!(connection.key().as_deref(), Some("k2"));
}

#[tokio::test(start_paused = true)]
async fn calls_of_authorize_are_served_one_at_a_time() {
    let (connection, _events, _server, mut peer) = open().await;
    let serves = async {
        for nth in 2..=4 {
            assert_eq!(auth(&mut peer).await, format!("app.token-{nth}"));
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            peer.send(connected("c1", &format!("k{nth}"))).await;
        }
    };
    let call = || connection.authorize(None);
    let (first, second, third, ()) = tokio::join!(call(), call(), call(), serves);
    let tokens = [first, second, third].map(|details| details.unwrap().token().expose().to_owned());
    assert_eq!(tokens, ["app.token-2", "app.token-3", "app.token-4"]);
}

#[tokio::test(start_paused = true)]
async fn cancelled_authorize_does_not_block_the_next() {
    let (connection, _events, _server, mut peer) = open().await;
    let cancelled = tokio::time::timeout(std::time::Duration::from_millis(10), connection.authorize(None)).await;
    assert!(cancelled.is_err());
    let serves = async {
        for key in ["k2", "k3"] {
            auth(&mut peer).await;
            peer.send(connected("c1", key)).await;
        }
    };
    let (details, ()) = tokio::join!(connection.authorize(None), serves);
    assert_eq!(details.unwrap().token().expose(), "app.token-3");
}

#[tokio::test(start_paused = true)]
async fn refused_authorize_fails_the_connection() {
    let (connection, _events, _server, mut peer) = open().await;
    let serves = async {
        auth(&mut peer).await;
        let refusal = r#"{"action":9,"error":{"code":40102,"statusCode":401,"message":"another clientId"}}"#;
        peer.send(message(refusal)).await;
    };
    let (outcome, ()) = tokio::join!(connection.authorize(None), serves);
    let error = outcome.unwrap_err();
    assert_eq!((error.kind(), error.ably_code().as_u32()), (ErrorKind::Connection, 40102));
    assert_eq!(connection.state(), ConnectionState::Failed);
}

#[tokio::test(start_paused = true)]
async fn authorize_connects() {
    let mut server = Server::new();
    let tokens = Tokens::default();
    let options = from(&server, tokens.client_options()).auto_connect(false);
    let (connection, _events) = Connection::open(options).unwrap();
    let (details, peer) = tokio::join!(connection.authorize(None), server.connect());
    assert_eq!(details.unwrap().token().expose(), "app.token-1");
    assert_eq!((peer.query["accessToken"].as_str(), tokens.count()), ("app.token-1", 1));
}

#[tokio::test(start_paused = true)]
async fn authorize_with_replaces_the_options() {
    let (connection, mut events, mut server, mut peer) = open().await;
    let callback = |_: TokenParams| async { Ok::<_, Error>(Token::new("app.other")?) };
    let options = AuthOptions::<Async>::new().auth_callback(callback);
    let serves = async {
        assert_eq!(auth(&mut peer).await, "app.other");
        peer.send(connected("c1", "k2")).await;
    };
    let (details, ()) = tokio::join!(connection.authorize_with(None, options), serves);
    details.unwrap();
    drop(peer);
    assert_eq!(server.accept().await.query["accessToken"], "app.other");
    states(&mut events, ConnectionState::Connecting).await;
}

/// Waits until an attempt to connect has failed, which it does at once.
async fn disconnects(connection: &Connection) {
    let second = std::time::Duration::from_secs(1);
    tokio::time::timeout(second, connection.reached(ConnectionState::Disconnected)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn panic_of_the_token_source_is_an_error() {
    let server = Server::new();
    let panics = |_: TokenParams| async { panic!("a bug of the application") as Result<Token, Error> };
    let client = ClientOptions::new().endpoint("http://127.0.0.1:1").auth_callback(panics);
    let (connection, _events) = Connection::open(from(&server, client)).unwrap();
    disconnects(&connection).await;
    let reason = connection.error_reason().unwrap();
    assert_eq!(reason.code().as_u32(), 80019);
    assert_eq!(reason.cause().unwrap().code().as_u32(), 40170);
    // The connection lives on.
    connection.close().await;
    assert_eq!(connection.state(), ConnectionState::Closed);
}

#[tokio::test(start_paused = true)]
async fn panic_of_the_hook_is_an_error() {
    let hook = |_: String, _: u16| -> super::support::Connecting { Box::pin(async { panic!("a bug of the hook") }) };
    let server = Server::new();
    let options = from(&server, Tokens::default().client_options()).connect_with(hook);
    let (connection, _events) = Connection::open(options).unwrap();
    disconnects(&connection).await;
    connection.close().await;
    assert_eq!(connection.state(), ConnectionState::Closed);
}

#[tokio::test(start_paused = true)]
async fn slow_token_source_does_not_end_an_open_connection() {
    let mut server = Server::new();
    let tokens = Tokens::default();
    let slow = {
        let tokens = tokens.clone();
        move |_: TokenParams| {
            let (is_first, token) = (tokens.count() == 0, tokens.next());
            async move {
                if !is_first {
                    std::future::pending::<()>().await;
                }
                Ok::<_, Error>(token)
            }
        }
    };
    let client = tokens.client_options().auth_callback(slow);
    let (connection, _events) = Connection::open(from(&server, client)).unwrap();
    let mut peer = server.connect().await;
    connection.connect().await.unwrap();
    peer.send(message(r#"{"action":17}"#)).await;
    tokio::time::sleep(std::time::Duration::from_secs(12)).await;
    assert_eq!(connection.state(), ConnectionState::Connected);
    assert_eq!(connection.error_reason().unwrap().code().as_u32(), 80019);
}
