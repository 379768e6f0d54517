//! The server's end of a WebSocket in memory.

use std::sync::Arc;

use ably_auth::connection::{Action, Format, ProtocolMessage};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::lines;
use crate::websocket::Surroundings;

/// An action of the server on a socket.
#[derive(Debug)]
pub(crate) enum ToPeer {
    Send(Box<ProtocolMessage>),
    Ping,
    /// Responds to the request for a WebSocket with this status.
    Refuse(u16),
    /// Ends the stream.
    Drop,
}

/// Serves a socket: reads the request for a WebSocket, and accepts it when there is something to send.
pub(crate) async fn serve(
    mut stream: DuplexStream,
    mut commands: UnboundedReceiver<ToPeer>,
    surroundings: Arc<Surroundings>,
) {
    let Some(request) = read_request(&mut stream).await else { return };
    let target = request.split(' ').nth(1).unwrap();
    let host = header(&request, "host").unwrap();
    surroundings.see(lines::open(&format!("wss://{host}{target}")));
    let mut byte = [0];
    let first = tokio::select! {
        Some(command) = commands.recv() => command,
        _ = stream.read(&mut byte) => return surroundings.see("hang up".to_owned()),
    };
    match first {
        ToPeer::Drop => {}
        ToPeer::Refuse(status) => {
            let response = format!("HTTP/1.1 {status} Refused\r\ncontent-length: 0\r\n\r\n");
            let _ = stream.write_all(response.as_bytes()).await;
        }
        first => {
            let key = header(&request, "sec-websocket-key").expect("a request for a WebSocket has a key");
            let accept = derive_accept_key(key.as_bytes());
            let response = format!(
                "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                 sec-websocket-accept: {accept}\r\n\r\n"
            );
            stream.write_all(response.as_bytes()).await.unwrap();
            let web = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
            let format = if target.contains("format=json") { Format::Json } else { Format::MsgPack };
            converse(web, format, first, commands, &surroundings).await;
        }
    }
}

async fn converse(
    mut web: WebSocketStream<DuplexStream>,
    format: Format,
    first: ToPeer,
    mut commands: UnboundedReceiver<ToPeer>,
    surroundings: &Surroundings,
) {
    let mut next = Some(first);
    loop {
        // The connection may have closed the socket.
        let _ = match next.take() {
            None => Ok(()),
            Some(ToPeer::Send(message)) => web.send(frame(format, &message)).await,
            Some(ToPeer::Ping) => web.send(Message::Ping(Default::default())).await,
            Some(ToPeer::Refuse(_)) => panic!("the WebSocket is accepted already"),
            Some(ToPeer::Drop) => return,
        };
        let received = tokio::select! {
            Some(command) = commands.recv() => {
                next = Some(command);
                continue;
            }
            received = web.next() => received,
        };
        match received {
            Some(Ok(frame @ (Message::Text(_) | Message::Binary(_)))) => {
                let message = format.decode(&frame.into_data()).unwrap();
                // `WebSocket::look` sends it.
                if message.action() != Action::Heartbeat {
                    surroundings.see(lines::send(&message));
                }
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Ok(Message::Close(_)) | Err(_)) | None => {
                surroundings.see("hang up".to_owned());
                // The library answers the close of the connection.
                let _ = web.next().await;
                return;
            }
        }
    }
}

fn frame(format: Format, message: &ProtocolMessage) -> Message {
    let content = format.encode(message).unwrap();
    match format {
        Format::Json => Message::text(String::from_utf8(content).unwrap()),
        Format::MsgPack => Message::binary(content),
    }
}

/// Reads the head of an HTTP request, or returns `None` if the stream ends before.
async fn read_request(stream: &mut DuplexStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}

fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let of = |line: &'a str| line.split_once(':').filter(|(key, _)| key.eq_ignore_ascii_case(name));
    request.lines().find_map(of).map(|(_, value)| value.trim())
}
