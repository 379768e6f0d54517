//! Debug and error output contains no secret and no token.

use ably_auth_websocket::{ByteStream, Changes, Connect, Connection, ConnectionOptions, Event, Events};

use super::support::{Server, Tokens, connected, from, message, open, options};

fn shows_nothing(what: &dyn std::fmt::Debug) {
    for shown in [format!("{what:?}"), format!("{what:#?}")] {
        assert!(!shown.contains("token-") && !shown.contains("hush"), "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn debug_output_has_no_token_and_no_connection_key() {
    let server = Server::new();
    let options: ConnectionOptions = from(&server, Tokens::default().client_options().key("app.key:hush"));
    shows_nothing(&options.transport_param("secret", "hush").recover("hush"));

    let (connection, mut events, mut server, peer): (Connection, Events, _, _) = open().await;
    shows_nothing(&connection);
    let changes: Changes = connection.changes();
    shows_nothing(&changes);
    shows_nothing(&events);
    drop(peer);
    let mut peer = server.accept().await;
    peer.send(connected("c1", "hush")).await;
    for _ in 0..5 {
        let event: Event = events.next().await.unwrap();
        shows_nothing(&event);
    }
    shows_nothing(&connection);
    shows_nothing(&connection.details());
    // Neither of these has a value to show.
    let _: Option<(&dyn ByteStream, &dyn Connect)> = None;
}

#[tokio::test(start_paused = true)]
async fn errors_do_not_repeat_a_reflected_credential() {
    let mut server = Server::new();
    let (connection, mut events) = Connection::open(options(&server)).unwrap();
    let mut peer = server.connect().await;
    connection.connect().await.unwrap();
    let token = peer.query["accessToken"].clone();
    for channel in [r#""channel":"chat","#, ""] {
        let error = r#""error":{"code":40160,"statusCode":401,"message":"no right for"#;
        peer.send(message(&format!(r#"{{"action":9,{channel}{error} {token}"}}}}"#))).await;
    }
    for _ in 0..4 {
        let event = events.next().await.unwrap();
        assert!(!format!("{event:?}").contains(&token), "{event:?}");
    }
    assert_eq!(connection.error_reason().unwrap().message(), "no right for [redacted]");
}
