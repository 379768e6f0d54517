//! The end of a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ably_auth_websocket::{Action, Clock, Connection, ConnectionState, ProtocolMessage, Timestamp, Value};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use super::support::{Server, Tokens, VirtualClock, connected, from, message, open, options, states};

/// Returns the number of tasks of the runtime.
fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

#[tokio::test(start_paused = true)]
async fn close_waits_for_closed() {
    let (connection, mut events, _server, mut peer) = open().await;
    states(&mut events, ConnectionState::Connected).await;
    tokio::join!(connection.close(), peer.close());
    assert_eq!(connection.state(), ConnectionState::Closed);
    assert_eq!(peer.next().await, None);
    let seen = states(&mut events, ConnectionState::Closed).await;
    assert_eq!(seen, [ConnectionState::Closing, ConnectionState::Closed]);
    assert_eq!(connection.create_recovery_key(0, [("chat", "s")]), None);
    // Closing again has no effect, and the connection can be opened again.
    connection.close().await;
}

#[tokio::test(start_paused = true)]
async fn closed_connection_can_connect_again() {
    let (connection, _events, mut server, mut peer) = open().await;
    tokio::join!(connection.close(), peer.close());
    let (outcome, peer) = tokio::join!(connection.connect(), server.connect());
    outcome.unwrap();
    assert_eq!(peer.query.get("resume"), None);
}

#[tokio::test(start_paused = true)]
async fn service_that_does_not_answer_close_is_left() {
    let (connection, _events, _server, mut peer) = open().await;
    let before = sleep(Duration::ZERO).deadline();
    connection.close().await;
    assert_eq!((sleep(Duration::ZERO).deadline() - before).as_secs(), 10);
    assert_eq!(peer.next().await.unwrap().action(), Action::Close);
    assert_eq!(peer.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn close_waits_a_little_for_a_service_that_reads_slowly() {
    let (connection, _events, _server, mut peer) = open().await;
    let big = || ProtocolMessage::new(Action::Message).messages([Value::from("x".repeat(10_000))]);
    while timeout(Duration::from_secs(1), connection.send(big())).await.is_ok() {}
    let reads_late = async {
        sleep(Duration::from_secs(11)).await;
        let mut last = None;
        while let Some(message) = peer.next().await {
            last = Some(message.action());
        }
        last
    };
    let ((), last) = tokio::join!(connection.close(), reads_late);
    assert_eq!(last, Some(Action::Close));
}

#[tokio::test(start_paused = true)]
async fn sent_messages_go_before_close() {
    let attach = || ProtocolMessage::new(Action::Attach).channel("chat");
    let (connection, _events, _server, mut peer) = open().await;
    connection.send(attach()).await.unwrap();
    let serves = async {
        assert_eq!(peer.next().await.unwrap().action(), Action::Attach);
        peer.close().await;
    };
    tokio::join!(connection.close(), serves);

    let (connection, _events, _server, mut peer) = open().await;
    connection.send(attach()).await.unwrap();
    drop(connection);
    assert_eq!(peer.next().await.unwrap().action(), Action::Attach);
    peer.close().await;
}

#[tokio::test(start_paused = true)]
async fn messages_that_wait_for_a_slow_service_go_before_close() {
    let (connection, _events, _server, mut peer) = super::support::open_with(|with| with.queue_capacity(500)).await;
    let big =
        |serial| ProtocolMessage::new(Action::Message).msg_serial(serial).messages([Value::from("x".repeat(1_000))]);
    let mut sent = 0;
    while timeout(Duration::from_secs(1), connection.send(big(sent))).await.is_ok() {
        sent += 1;
    }
    let reads = async {
        sleep(Duration::from_secs(1)).await;
        for serial in 0..sent {
            assert_eq!(peer.next().await.unwrap().get_msg_serial(), Some(serial));
        }
        peer.close().await;
    };
    tokio::join!(connection.close(), reads);
}

#[tokio::test(start_paused = true)]
async fn close_ends_when_another_task_connects() {
    let (connection, _events, mut server, _peer) = open().await;
    let connects = async {
        sleep(Duration::from_secs(1)).await;
        let (outcome, peer) = tokio::join!(connection.connect(), server.connect());
        outcome.unwrap();
        peer
    };
    let (closed, _peer) = tokio::join!(timeout(Duration::from_secs(10), connection.close()), connects);
    closed.expect("`close` waits at most for the request timeout");
}

#[tokio::test(start_paused = true)]
async fn dropped_connection_closes_and_its_task_ends() {
    let (connection, mut events, _server, mut peer) = open().await;
    let other = connection.clone();
    drop(connection);
    other.send(ProtocolMessage::new(Action::Attach).channel("chat")).await.unwrap();
    assert_eq!(peer.next().await.unwrap().action(), Action::Attach);
    drop(other);
    peer.close().await;
    assert_eq!(peer.next().await, None);
    drop(peer);
    while events.next().await.is_some() {}
    sleep(Duration::from_secs(5)).await;
    assert_eq!(tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn connection_dropped_in_any_state_leaves_no_task() {
    // Not connected yet.
    let server = Server::new();
    drop(Connection::open(options(&server).auto_connect(false)).unwrap());
    // While it connects to a service that says nothing.
    let mut silent = Server::new();
    let (connection, _events) = Connection::open(options(&silent)).unwrap();
    let peer = silent.accept().await;
    drop(connection);
    // While it waits for the next attempt.
    let mut down = Server::new();
    let (connection, _events) = Connection::open(options(&down)).unwrap();
    drop(down.accept().await);
    connection.reached(ConnectionState::Disconnected).await;
    drop(connection);
    sleep(Duration::from_secs(20)).await;
    drop(peer);
    sleep(Duration::from_secs(5)).await;
    assert_eq!(tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn close_code_of_the_service_is_reported() {
    use ably_auth_websocket::Event;
    use tokio_tungstenite::tungstenite::protocol::CloseFrame;

    let (_connection, mut events, _server, mut peer) = open().await;
    peer.web.close(Some(CloseFrame { code: 1_012.into(), reason: "restart".into() })).await.unwrap();
    let reason = loop {
        match events.next().await.unwrap() {
            Event::Change(change) if change.current() == ConnectionState::Disconnected => break change,
            _ => {}
        }
    };
    let cause = reason.reason().unwrap().cause().unwrap();
    assert_eq!(cause.message(), "the service closed the socket with code 1012");
}

#[tokio::test(start_paused = true)]
async fn silent_service_is_left() {
    let (connection, mut events, mut server, peer) = open().await;
    states(&mut events, ConnectionState::Connected).await;
    // The longest silence of the service, and the request timeout.
    sleep(Duration::from_secs(24)).await;
    assert_eq!(connection.state(), ConnectionState::Connected);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(server.accept().await.query["resume"], "k1");
    drop(peer);
}

/// A clock that a suspended machine moves ahead of the timers, which stand still meanwhile.
struct SuspendedClock(VirtualClock, AtomicU64);

impl Clock for SuspendedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.now().as_millis() + self.1.load(Ordering::SeqCst))
    }

    fn steady(&self) -> Duration {
        self.0.steady()
    }
}

#[tokio::test(start_paused = true)]
async fn machine_that_was_suspended_connects_again_soon() {
    let clock = Arc::new(SuspendedClock(VirtualClock::new(), AtomicU64::new(0)));
    let mut server = Server::new();
    let client = Tokens::default().client_options().clock(Arc::<SuspendedClock>::clone(&clock));
    let (connection, _events) = Connection::open(from(&server, client)).unwrap();
    let mut peer = server.accept().await;
    // The service may be silent for an hour.
    let details = r#"{"connectionKey":"k1","maxIdleInterval":3600000}"#;
    peer.send(message(&format!(r#"{{"action":4,"connectionId":"c1","connectionDetails":{details}}}"#))).await;
    connection.connect().await.unwrap();
    sleep(Duration::from_secs(45)).await;
    assert!(!server.has_accepted());
    clock.1.store(2 * 3_600_000, Ordering::SeqCst);
    sleep(Duration::from_secs(31)).await;
    assert!(server.has_accepted());
}

#[tokio::test(start_paused = true)]
async fn service_that_pings_is_kept() {
    use futures_util::{SinkExt as _, StreamExt as _};
    use tokio_tungstenite::tungstenite::Message;

    let (connection, _events, server, mut peer) = open().await;
    for _ in 0..10 {
        sleep(Duration::from_secs(15)).await;
        peer.web.send(Message::Ping("x".into())).await.unwrap();
        assert_eq!(peer.web.next().await.unwrap().unwrap(), Message::Pong("x".into()));
    }
    assert_eq!(connection.state(), ConnectionState::Connected);
    assert!(!server.has_accepted());
}

#[tokio::test(start_paused = true)]
async fn socket_that_hangs_while_opening_is_left() {
    let mut server = Server::new();
    let (connection, _events) = Connection::open(options(&server)).unwrap();
    let silent = server.accept().await;
    connection.reached(ConnectionState::Disconnected).await;
    let mut peer = server.accept().await;
    peer.send(connected("c1", "k1")).await;
    connection.connect().await.unwrap();
    drop(silent);
}

#[tokio::test(start_paused = true)]
async fn connection_outlives_errors_of_channels() {
    let (connection, mut events, _server, mut peer) = open().await;
    let refusal = r#"{"action":9,"channel":"vault","error":{"code":40160,"statusCode":401,"message":"no such right"}}"#;
    peer.send(message(refusal)).await;
    let message = super::support::next_message(&mut events).await;
    assert_eq!(message.get_error().unwrap().code().as_u32(), 40160);
    assert_eq!(connection.state(), ConnectionState::Connected);
}
