//! Frames that are too large, or that hold no message.

use ably_auth_websocket::{Action, ConnectionState, ErrorInfo, Event, Events, ProtocolMessage, Value};
use futures_util::SinkExt as _;
use tokio_tungstenite::tungstenite::Message;

use super::support::{next_message, open, open_with};

/// Waits until the connection is lost, and returns why.
async fn reason_of_the_loss(events: &mut Events) -> ErrorInfo {
    loop {
        match events.next().await.unwrap() {
            Event::Change(change) if change.current() == ConnectionState::Disconnected => {
                return change.reason().unwrap().clone();
            }
            _ => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn frame_above_the_limit_ends_the_socket() {
    let (connection, mut events, mut server, mut peer) = open_with(|options| options.max_frame_bytes(10_000)).await;
    let text = |bytes: usize| ProtocolMessage::new(Action::Message).messages([Value::from("x".repeat(bytes))]);
    peer.send(text(9_900)).await;
    next_message(&mut events).await;
    // The client does not read it to its end.
    let _ =
        tokio::time::timeout(std::time::Duration::from_secs(1), peer.web.feed(Message::text("x".repeat(10_001)))).await;
    let _ = tokio::time::timeout(std::time::Duration::from_secs(1), peer.web.flush()).await;
    let reason = reason_of_the_loss(&mut events).await;
    assert_eq!(reason.code().as_u32(), 40009);
    assert!(reason.message().contains("set a larger `max_frame_bytes`"), "{reason}");
    let _peer = server.connect().await;
    connection.connect().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn message_in_parts_above_the_limit_ends_the_socket() {
    use tokio_tungstenite::tungstenite::protocol::frame::Frame;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

    let (_connection, mut events, _server, mut peer) = open_with(|options| options.max_frame_bytes(10_000)).await;
    let part = |opcode| Message::Frame(Frame::message(vec![b'x'; 4_000], OpCode::Data(opcode), false));
    peer.web.send(part(Data::Text)).await.unwrap();
    for _ in 0..3 {
        let _ = peer.web.send(part(Data::Continue)).await;
    }
    assert_eq!(reason_of_the_loss(&mut events).await.code().as_u32(), 40009);
}

#[tokio::test(start_paused = true)]
async fn undecodable_frame_is_skipped() {
    let (connection, mut events, server, mut peer) = open().await;
    for frame in ["", "nonsense", "[]", r#"{"action":"message"}"#, "{}"] {
        peer.web.send(Message::text(frame)).await.unwrap();
    }
    peer.web.send(Message::binary(vec![0xc1, 0xff])).await.unwrap();
    peer.send(ProtocolMessage::new(Action::Ack).msg_serial(7)).await;
    assert_eq!(next_message(&mut events).await.get_msg_serial(), Some(7));
    assert_eq!(connection.state(), ConnectionState::Connected);
    assert!(!server.has_accepted());
}

#[tokio::test(start_paused = true)]
async fn unknown_actions_are_delivered() {
    let (_connection, mut events, _server, mut peer) = open().await;
    peer.web.send(Message::text(r#"{"action":99,"new":true}"#)).await.unwrap();
    let message = next_message(&mut events).await;
    assert_eq!((message.action().number(), message.get_field("new")), (99, Some(&Value::Bool(true))));
}
