//! Trace events of a connection, which contain no token and no content of messages.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use ably_auth_websocket::{Action, Connection, ProtocolMessage, Value};
use futures_util::SinkExt as _;
use test_support::run_in_separate_process;
use tokio_tungstenite::tungstenite::Message;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::support::{Server, next_message, options};

/// A subscriber that records every event.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 += &format!("{}={value:?} ", field.name());
    }
}

impl Subscriber for Notes {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("ably_auth")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("{} ", event.metadata().level()));
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

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
    let notes = Notes::default();
    let _guard = tracing::subscriber::set_default(notes.clone());
    let mut server = Server::new();
    let (connection, mut events) = Connection::open(options(&server)).unwrap();
    let mut peer = server.connect().await;
    peer.web.send(Message::text("a hush frame")).await.unwrap();
    peer.send(ProtocolMessage::new(Action::Message).messages([Value::from("hush")])).await;
    next_message(&mut events).await;
    tokio::join!(connection.close(), peer.close());
    let notes = notes.0.lock().unwrap();
    let has = |what: &str| notes.iter().any(|note| note.contains(what));
    assert!(has("from=initialized to=connecting") && has("from=closing to=closed"), "{notes:#?}");
    assert!(has("DEBUG message=socket opening host=\"127.0.0.1\" port=1 tls=false"), "{notes:#?}");
    assert!(has("WARN message=frame skipped") && has("bytes=12"), "{notes:#?}");
    assert!(!has("hush") && !has("token-1"), "{notes:#?}");
}
