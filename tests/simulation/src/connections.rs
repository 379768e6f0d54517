//! Realtime connections: they open with a token, and end when its rights do.

use std::rc::Rc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::StreamExt as _;
use serde_json::Value;
use tokio::io::DuplexStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::oracle::{Exchange, RECOVERY};
use crate::response::Response;
use crate::world::World;

const CONNECTED: u64 = 4;
const DISCONNECTED: u64 = 6;
const ERROR: u64 = 9;

/// The time after which a connection without rights must have ended: the silence of a store that is tolerated, and some
/// time to recover.
const MUST_END: Duration = Duration::from_secs(10).saturating_add(RECOVERY);

impl World {
    /// Opens connections, and follows each until it ends.
    pub async fn connect_as_client(self: Rc<Self>) {
        while !self.is_over.get() {
            let pause = self.rng.borrow_mut().u64(50..3_000);
            sleep(Duration::from_millis(pause)).await;
            let known = self.oracle.borrow().tokens.len();
            if known > 0 {
                let (node, back) = (self.any_node(), self.below(known.min(8)));
                self.connect(node, known - 1 - back).await;
            }
        }
    }

    async fn connect(&self, node: usize, token: usize) {
        let sent = Instant::now();
        let text = URL_SAFE_NO_PAD.encode(&self.oracle.borrow().tokens[token].text);
        let clock = self.clock(node);
        let Some(stream) = self.open_stream(node) else { return };
        let url = format!("ws://simulation/?v=3&format=json&heartbeats=true&accessToken={text}");
        let Ok(Ok((mut socket, _))) = timeout(Duration::from_secs(10), client_async(url, stream)).await else { return };
        let Some(first) = receive(&mut socket).await else { return };
        let at = Exchange { sent, answered: Instant::now(), clock };
        let response = Response::of_message(first.clone(), first["action"] == CONNECTED);
        self.note(node, "connect", response.status, response.code(), format_args!("token {token}"));
        let judgement = self.oracle.borrow().judge_connection(token, &response, at);
        self.check(judgement);
        if response.is_success() {
            self.stay(node, token, &mut socket).await;
        }
    }

    /// Reads until the connection ends, or for some time.
    async fn stay(&self, node: usize, token: usize, socket: &mut WebSocketStream<DuplexStream>) {
        let until = Instant::now() + Duration::from_secs(self.rng.borrow_mut().u64(1..90));
        while Instant::now() < until && !self.is_over.get() {
            match timeout(Duration::from_millis(500), receive(socket)).await {
                Ok(None) => return,
                Ok(Some(message)) if message["action"] == DISCONNECTED || message["action"] == ERROR => {
                    let code = message.pointer("/error/code").and_then(Value::as_u64).unwrap_or_default();
                    return self.note(node, "disconnected", 0, code, format_args!("token {token}"));
                }
                _ => {}
            }
            let Some(since) = Instant::now().checked_sub(MUST_END) else { continue };
            let judgement = self.oracle.borrow().judge_open(token, since);
            self.check(judgement);
        }
    }

    fn open_stream(&self, node: usize) -> Option<DuplexStream> {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        self.nodes[node].streams.borrow().as_ref()?.send(theirs).ok()?;
        Some(ours)
    }
}

/// Returns the next message of the protocol; `None` if the connection was lost.
async fn receive(socket: &mut WebSocketStream<DuplexStream>) -> Option<Value> {
    loop {
        match socket.next().await? {
            Ok(Message::Text(text)) => return serde_json::from_str(&text).ok(),
            Ok(Message::Close(_)) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}
