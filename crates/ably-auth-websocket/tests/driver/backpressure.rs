//! Backpressure: an application, or a service, that takes nothing.

use std::time::Duration;

use ably_auth_websocket::{Action, ConnectionState, ProtocolMessage, Value};
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

use super::support::{message, next_message, open_with};

fn big(serial: u64) -> ProtocolMessage {
    let text = Value::from("x".repeat(1_000));
    ProtocolMessage::new(Action::Message).channel("chat").msg_serial(serial).messages([text])
}

#[tokio::test(start_paused = true)]
async fn socket_is_not_read_while_application_takes_nothing() {
    let (connection, mut events, server, mut peer) = open_with(|options| options.queue_capacity(8)).await;
    let mut sent = 0;
    while sent < 1_000 && timeout(Duration::from_secs(1), peer.send(big(sent))).await.is_ok() {
        sent += 1;
    }
    // The queue, what the sockets hold, and the buffers of the libraries.
    assert!((8..200).contains(&sent), "{sent} messages were accepted");
    // An hour of silence is not the fault of the service.
    sleep(Duration::from_secs(3_600)).await;
    assert_eq!(connection.state(), ConnectionState::Connected);
    assert!(!server.has_accepted());
    for serial in 0..sent {
        assert_eq!(next_message(&mut events).await.get_msg_serial(), Some(serial));
    }
    // The silence counts again.
    sleep(Duration::from_secs(60)).await;
    assert!(server.has_accepted());
}

#[tokio::test(start_paused = true)]
async fn connection_answers_before_a_message_has_to_wait() {
    let (_connection, events, _server, mut peer) = open_with(|options| options.queue_capacity(2)).await;
    // The states CONNECTING and CONNECTED fill the queue.
    peer.send(message(r#"{"action":17}"#)).await;
    assert_eq!(peer.next().await.unwrap().action(), Action::Auth);
    drop(events);
}

#[tokio::test(start_paused = true)]
async fn send_waits_while_service_reads_nothing() {
    let (connection, _events, mut server, mut peer) = open_with(|options| options.queue_capacity(8)).await;
    let mut sent = 0;
    while sent < 1_000 && timeout(Duration::from_secs(1), connection.send(big(sent))).await.is_ok() {
        sent += 1;
        // The service is alive.
        if sent % 10 == 0 {
            peer.send(message(r#"{"action":0}"#)).await;
        }
    }
    assert!((8..200).contains(&sent), "{sent} messages were accepted");
    let waiting = connection.send(big(sent));
    tokio::pin!(waiting);
    assert!(waiting.as_mut().now_or_never().is_none());
    for serial in 0..sent {
        assert_eq!(peer.next().await.unwrap().get_msg_serial(), Some(serial));
    }
    waiting.await.unwrap();
    assert_eq!(peer.next().await.unwrap().get_msg_serial(), Some(sent));
    assert!(!server.has_accepted());
    // `send` fails if the connection is lost while it waits for room in the queue.
    while timeout(Duration::from_secs(1), connection.send(big(0))).await.is_ok() {
        peer.send(message(r#"{"action":0}"#)).await;
    }
    let (outcome, _peer) = tokio::join!(connection.send(big(0)), async {
        peer.send(message(r#"{"action":6}"#)).await;
        server.accept().await
    });
    assert_eq!(outcome.unwrap_err().ably_code().as_u32(), 80003);
}

#[tokio::test(start_paused = true)]
async fn messages_of_the_connection_go_before_those_of_the_application() {
    let (connection, _events, _server, mut peer) = open_with(|options| options.queue_capacity(64)).await;
    let mut sent = 0;
    while timeout(Duration::from_secs(1), connection.send(big(sent))).await.is_ok() {
        sent += 1;
    }
    peer.send(message(r#"{"action":17}"#)).await;
    sleep(Duration::from_secs(1)).await;
    let mut before = 0;
    while peer.next().await.unwrap().action() != Action::Auth {
        before += 1;
    }
    // Only what the socket holds already.
    assert!(before + 60 < sent, "{before} of {sent}");
}

#[tokio::test(start_paused = true)]
async fn application_that_takes_nothing_can_close() {
    let (connection, events, _server, mut peer) = open_with(|options| options.queue_capacity(1)).await;
    for serial in 0..5 {
        peer.send(ProtocolMessage::new(Action::Ack).msg_serial(serial)).await;
    }
    tokio::join!(connection.close(), peer.close());
    assert_eq!(connection.state(), ConnectionState::Closed);
    drop(events);
}

#[tokio::test(start_paused = true)]
async fn application_that_takes_nothing_gets_the_latest_changes() {
    let (connection, mut events, mut server, mut peer) = open_with(|options| options.queue_capacity(1)).await;
    for _ in 0..200 {
        drop(peer);
        peer = server.connect().await;
        connection.reached(ConnectionState::Connected).await;
        // A connection that is lost sooner counts as lost quickly.
        for _ in 0..2 {
            sleep(Duration::from_secs(5)).await;
            peer.send(message(r#"{"action":0}"#)).await;
        }
    }
    drop(connection);
    let mut taken = 0;
    let mut last = None;
    while let Some(Some(event)) = events.next().now_or_never() {
        taken += 1;
        last = Some(event);
        tokio::task::yield_now().await;
    }
    assert!((1..=66).contains(&taken), "{taken}");
    assert!(last.is_some());
    drop(peer);
}

#[tokio::test(start_paused = true)]
async fn pongs_for_a_service_that_reads_nothing_are_bounded() {
    let (connection, _events, _server, mut peer) = open_with(|options| options.max_frame_bytes(10_000)).await;
    for _ in 0..10_000 {
        peer.web.feed(Message::Ping(vec![b'x'; 100].into())).await.unwrap();
    }
    peer.web.flush().await.unwrap();
    assert_eq!(connection.state(), ConnectionState::Connected);
    let mut pongs = 0;
    while let Ok(Some(Ok(Message::Pong(_)))) = timeout(Duration::from_secs(1), peer.web.next()).await {
        pongs += 1;
    }
    assert!((100..2_000).contains(&pongs), "{pongs} pongs waited");
}

#[tokio::test(start_paused = true)]
async fn service_that_asks_for_tokens_and_reads_nothing_is_left() {
    let (connection, events, mut server, mut peer) = open_with(|options| options).await;
    drop(events);
    while timeout(Duration::from_secs(1), connection.send(big(0))).await.is_ok() {}
    let mut asked = 0;
    while !server.has_accepted() && asked < 500 {
        for json in [r#"{"action":17}"#, r#"{"action":4}"#] {
            let _ = peer.web.send(Message::text(json)).await;
            sleep(Duration::from_secs(3)).await;
        }
        asked += 1;
    }
    assert!((64..100).contains(&asked), "{asked}");
    let _peer = server.connect().await;
    connection.connect().await.unwrap();
}
