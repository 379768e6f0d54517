//! Debug and error output contains no secret and no token.

use ably_auth_websocket::{ByteStream, Changes, Connect, Connection, ConnectionOptions, Event, Events};

use super::support::{Server, Tokens, connected, from, open};

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
