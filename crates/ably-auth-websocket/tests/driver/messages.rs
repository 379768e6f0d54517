//! Messages in both directions.

use ably_auth_websocket::{Action, Connection, ConnectionState, Event, Format, ProtocolMessage, Value};

use super::support::{Server, connected, message, next_message, open, options, states};

#[tokio::test(start_paused = true)]
async fn messages_travel_both_ways_in_both_formats() {
    for format in [Format::Json, Format::MsgPack] {
        let mut server = Server::new();
        let (connection, mut events) = Connection::open(options(&server).format(format)).unwrap();
        let mut peer = server.connect().await;
        connection.connect().await.unwrap();
        let attach = ProtocolMessage::new(Action::Attach).channel("chat");
        connection.send(attach.clone()).await.unwrap();
        assert_eq!(peer.next().await, Some(attach));
        let greeting = ProtocolMessage::new(Action::Message)
            .channel("chat")
            .messages([Value::map([("name", Value::from("grüße")), ("data", Value::from(7_u64))])]);
        peer.send(greeting.clone()).await;
        assert_eq!(next_message(&mut events).await, greeting);
        connection.send(greeting.clone()).await.unwrap();
        assert_eq!(peer.next().await, Some(greeting));
    }
}

#[tokio::test(start_paused = true)]
async fn messages_and_changes_arrive_in_order() {
    let (_connection, mut events, mut server, mut peer) = open().await;
    peer.send(message(r#"{"action":1,"msgSerial":0,"count":1}"#)).await;
    drop(peer);
    let mut peer = server.accept().await;
    peer.send(connected("c2", "k2")).await;
    peer.send(message(r#"{"action":1,"msgSerial":9,"count":1}"#)).await;
    let mut seen = Vec::new();
    while !seen.contains(&"ack 9".to_owned()) {
        seen.push(match events.next().await.unwrap() {
            Event::Change(change) => change.current().to_string(),
            Event::Message(message) => format!("ack {}", message.get_msg_serial().unwrap()),
            _ => unreachable!(),
        });
    }
    let expected = ["connecting", "connected", "ack 0", "disconnected", "connecting", "connected", "ack 9"];
    assert_eq!(seen, expected);
}

#[tokio::test(start_paused = true)]
async fn other_observers_see_changes_too() {
    let (connection, mut events, _server, peer) = open().await;
    let mut changes = connection.changes();
    drop(events.next().await);
    drop(peer);
    let change = changes.next().await.unwrap();
    assert_eq!((change.previous(), change.current()), (ConnectionState::Connected, ConnectionState::Disconnected));
    connection.reached(ConnectionState::Connecting).await;
}

#[tokio::test(start_paused = true)]
async fn message_for_a_lost_connection_is_not_sent_later() {
    let (connection, mut events, mut server, mut peer) = open().await;
    states(&mut events, ConnectionState::Connected).await;
    // The server reads nothing, so messages wait in the queue.
    let big = || ProtocolMessage::new(Action::Message).channel("chat").messages([Value::from("x".repeat(10_000))]);
    for _ in 0..20 {
        connection.send(big()).await.unwrap();
    }
    peer.send(message(r#"{"action":6,"error":{"code":80003,"statusCode":400,"message":"move"}}"#)).await;
    let mut next = server.accept().await;
    next.send(connected("c2", "k2")).await;
    states(&mut events, ConnectionState::Connected).await;
    connection.send(ProtocolMessage::new(Action::Attach).channel("chat")).await.unwrap();
    assert_eq!(next.next().await.unwrap().action(), Action::Attach);
    drop(peer);
}

#[tokio::test(start_paused = true)]
async fn message_too_large_is_refused() {
    let (connection, _events, mut server, mut peer) = open().await;
    let text = |bytes: usize| ProtocolMessage::new(Action::Message).messages([Value::from("x".repeat(bytes))]);
    let error = connection.send(text(2 << 20)).await.unwrap_err();
    assert_eq!(error.ably_code().as_u32(), 40009);
    assert!(error.to_string().contains("the limit is 1048576"), "{error}");
    // The service says a lower limit.
    peer.send(message(r#"{"action":6}"#)).await;
    let mut peer = server.accept().await;
    let json = r#"{"action":4,"connectionId":"c","connectionDetails":{"connectionKey":"k","maxFrameSize":1000}}"#;
    peer.send(message(json)).await;
    while connection.id().as_deref() != Some("c") {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let error = connection.send(text(1_000)).await.unwrap_err();
    assert!(error.to_string().contains("the limit is 1000"), "{error}");
    connection.send(text(900)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn messages_are_discarded_without_events() {
    let (connection, events, _server, mut peer) = open().await;
    drop(events);
    for serial in 0..1_000 {
        peer.send(ProtocolMessage::new(Action::Ack).msg_serial(serial)).await;
    }
    connection.send(ProtocolMessage::new(Action::Attach).channel("chat")).await.unwrap();
    assert_eq!(peer.next().await.unwrap().action(), Action::Attach);
}
