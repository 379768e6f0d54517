//! Realtime connections that attach, publish, renew their tokens, and are cut, resumed and closed.

use std::sync::atomic::{AtomicU64, Ordering};

use endurance::realtime::{ACK, ATTACH, ATTACHED, AUTH, CLOSE, CLOSED, CONNECTED, MESSAGE, Realtime, is};
use endurance::{Client, LASTING, basic, now};
use serde_json::{Value, json};

/// The number of threads, and of the connections of each.
pub const THREADS: usize = 6;
const CONNECTIONS: usize = 50;

/// Counts of the things that were done with connections.
#[derive(Default)]
pub struct Done {
    opened: AtomicU64,
    published: AtomicU64,
    renewed: AtomicU64,
    resumed: AtomicU64,
    closed: AtomicU64,
}

impl Done {
    pub fn counts(&self) -> [u64; 5] {
        [&self.opened, &self.published, &self.renewed, &self.resumed, &self.closed]
            .map(|counter| counter.load(Ordering::Relaxed))
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Returns the message if it is the expected one.
fn expect(what: &str, message: Option<Value>, action: u64) -> Result<Value, String> {
    match message {
        Some(message) if is(&message, action, 0) => Ok(message),
        other => Err(format!("{what}: got {other:?}")),
    }
}

/// Keeps connections in use until `has_ended`, or until one of them gets a wrong answer.
pub fn use_connections(
    client: &Client,
    thread: usize,
    done: &Done,
    has_ended: impl Fn() -> bool,
) -> Result<(), String> {
    let mut open: Vec<_> = (0..CONNECTIONS).map(|_| None).collect();
    for turn in 0.. {
        for (nth, slot) in open.iter_mut().enumerate() {
            if has_ended() {
                return Ok(());
            }
            *slot = use_one(client, (thread, nth), turn, slot.take(), done)?;
        }
    }
    Ok(())
}

fn token(client: &Client, client_id: &str) -> Result<String, String> {
    let request = json!({ "keyName": "app.lasting", "clientId": client_id, "timestamp": now() });
    let answer = client.ask("POST", "/keys/app.lasting/requestToken", &basic(LASTING), &request);
    answer.and_then(|answer| answer.text("token")).ok_or_else(|| "a token for a connection: none".into())
}

/// Does the next thing with a connection.
fn use_one(
    client: &Client,
    (thread, nth): (usize, usize),
    turn: usize,
    connection: Option<Realtime>,
    done: &Done,
) -> Result<Option<Realtime>, String> {
    let (client_id, channel) = (format!("client-{thread}-{nth}"), format!("room-{}", nth % 10));
    let Some(mut connection) = connection else {
        let opened = Realtime::open(client, &token(client, &client_id)?, "");
        let (mut connection, first) = opened.ok_or("opening a connection: no answer")?;
        expect("opening a connection", Some(first), CONNECTED)?;
        connection.send(&json!({ "action": ATTACH, "channel": channel }));
        expect("attaching", connection.receive_until(ATTACHED), ATTACHED)?;
        count(&done.opened);
        return Ok(Some(connection));
    };
    match (turn + nth) % 8 {
        0 => {
            connection.send(&json!({ "action": AUTH, "auth": { "accessToken": token(client, &client_id)? } }));
            expect("renewing a token", connection.receive_until(CONNECTED), CONNECTED)?;
            count(&done.renewed);
        }
        1 => {
            // Without CLOSE: the socket is cut.
            let (id, query) = (connection.id.clone(), format!("&resume={}", connection.key));
            drop(connection);
            let resumed = Realtime::open(client, &token(client, &client_id)?, &query);
            let (mut again, first) = resumed.ok_or("resuming a connection: no answer")?;
            expect("resuming a connection", Some(first), CONNECTED)?;
            if again.id != id {
                return Err(format!("a resumed connection has the id {}, not {id}", again.id));
            }
            again.send(&json!({ "action": ATTACH, "channel": channel }));
            expect("attaching again", again.receive_until(ATTACHED), ATTACHED)?;
            count(&done.resumed);
            return Ok(Some(again));
        }
        2 => {
            connection.send(&json!({ "action": CLOSE }));
            expect("closing a connection", connection.receive_until(CLOSED), CLOSED)?;
            count(&done.closed);
            return Ok(None);
        }
        _ => {
            let message = json!({ "data": "d".repeat(200) });
            let publish = json!({ "action": MESSAGE, "channel": channel, "msgSerial": turn, "messages": [message] });
            connection.send(&publish);
            expect("publishing", connection.receive_until(ACK), ACK)?;
            count(&done.published);
        }
    }
    Ok(Some(connection))
}
