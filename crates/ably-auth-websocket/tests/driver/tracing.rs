//! Trace events of a connection, which contain no token and no content of messages.

use ably_auth_websocket::{Action, Connection, ProtocolMessage, Value};
use futures_util::SinkExt as _;
use test_support::{RecordedEvents, run_in_separate_process};
use tokio_tungstenite::tungstenite::Message;

use super::support::{Server, next_message, options};

#[test]
fn events_tell_the_life_of_a_connection_and_no_token() {
    // tracing caches whether anybody listens to an event; a thread without a subscriber could disable it for good.
    let path = concat!(module_path!(), "::events_tell_the_life_of_a_connection_and_no_token");
    run_in_separate_process(path, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(check_events());
    });
}

async fn check_events() {
    let notes = RecordedEvents::default();
    let _guard = tracing::subscriber::set_default(notes.subscriber());
    let mut server = Server::new();
    let (connection, mut events) = Connection::open(options(&server)).unwrap();
    let mut peer = server.connect().await;
    peer.web.send(Message::text("a hush frame")).await.unwrap();
    peer.send(ProtocolMessage::new(Action::Message).messages([Value::from("hush")])).await;
    next_message(&mut events).await;
    tokio::join!(connection.close(), peer.close());
    let notes = notes.lines();
    let has = |what: &str| notes.iter().any(|note| note.contains(what));
    assert!(has("from=initialized to=connecting") && has("from=closing to=closed"), "{notes:#?}");
    assert!(has("DEBUG message=socket opening host=\"127.0.0.1\" port=1 tls=false"), "{notes:#?}");
    assert!(has("WARN message=frame skipped") && has("bytes=12"), "{notes:#?}");
    assert!(!has("hush") && !has("token-1"), "{notes:#?}");
}
