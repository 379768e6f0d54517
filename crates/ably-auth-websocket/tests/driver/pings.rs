//! Pings of the application.

use std::time::Duration;

use ably_auth_websocket::{Action, ConnectionState, ErrorKind, Event, ProtocolMessage};
use futures_util::future::join_all;
use tokio::time::{sleep, timeout};

use super::support::{open, states};

#[tokio::test(start_paused = true)]
async fn ping_returns_the_round_trip() {
    let (connection, mut events, _server, mut peer) = open().await;
    let serves = async {
        let heartbeat = peer.next().await.unwrap();
        assert_eq!(heartbeat.action(), Action::Heartbeat);
        // Only the answer with the same id counts (`RTN13e`).
        peer.send(ProtocolMessage::new(Action::Heartbeat).id("another")).await;
        sleep(Duration::from_millis(70)).await;
        peer.send(ProtocolMessage::new(Action::Heartbeat).id(heartbeat.get_id().unwrap())).await;
        peer.send(ProtocolMessage::new(Action::Ack).msg_serial(0)).await;
    };
    let (outcome, ()) = tokio::join!(connection.ping(), serves);
    assert_eq!(outcome.unwrap(), Duration::from_millis(70));
    let mut delivered = Vec::new();
    while delivered.last() != Some(&Action::Ack) {
        if let Event::Message(message) = events.next().await.unwrap() {
            delivered.push(message.action());
        }
    }
    // The other answer belongs to a HEARTBEAT that the application may have sent itself.
    assert_eq!(delivered, [Action::Heartbeat, Action::Ack]);
}

#[tokio::test(start_paused = true)]
async fn ping_without_answer_times_out() {
    let (connection, _events, _server, _peer) = open().await;
    let before = sleep(Duration::ZERO).deadline();
    let error = connection.ping().await.unwrap_err();
    assert_eq!((error.kind(), error.ably_code().as_u32()), (ErrorKind::Transport, 50003));
    assert_eq!((sleep(Duration::ZERO).deadline() - before).as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn ping_of_a_connection_that_is_not_open_fails() {
    let (connection, _events, _server, mut peer) = open().await;
    tokio::join!(connection.close(), peer.close());
    let error = connection.ping().await.unwrap_err();
    assert_eq!((error.kind(), error.ably_code().as_u32()), (ErrorKind::Connection, 80003));
}

#[tokio::test(start_paused = true)]
async fn ping_fails_when_the_connection_is_lost() {
    let (connection, mut events, _server, mut peer) = open().await;
    states(&mut events, ConnectionState::Connected).await;
    let breaks = async {
        peer.next().await;
        drop(peer);
    };
    let (outcome, ()) = tokio::join!(connection.ping(), breaks);
    assert_eq!(outcome.unwrap_err().ably_code().as_u32(), 80003);
}

#[tokio::test(start_paused = true)]
async fn number_of_pings_is_limited() {
    let (connection, _events, _server, _peer) = open().await;
    let outcomes = join_all((0..20).map(|_| connection.ping())).await;
    let refused = outcomes
        .into_iter()
        .filter(|outcome| outcome.as_ref().is_err_and(|error| error.to_string().contains("16 pings wait")));
    assert_eq!(refused.count(), 4);
}

#[tokio::test(start_paused = true)]
async fn pings_that_were_given_up_do_not_pile_up() {
    let (connection, _events, _server, mut peer) = open().await;
    // The service reads nothing.
    for _ in 0..2_000 {
        let _ = timeout(Duration::from_millis(1), connection.ping()).await;
    }
    assert!(connection.ping().await.unwrap_err().to_string().contains("16 pings wait"));
    let mut pings = 0;
    while let Ok(Some(_)) = timeout(Duration::from_secs(1), peer.next()).await {
        pings += 1;
    }
    // The socket and the buffer of the library hold most of them.
    assert!(pings < 600, "{pings}");
}
