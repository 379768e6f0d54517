//! Publishes messages in their order, and waits for the answer of the service to each.
//!
//! A message that is not answered when the connection is lost is published again, as an SDK does (`RTN19a`).

use std::collections::BTreeMap;

use ably_auth::ErrorInfo;
use ably_auth::connection::ProtocolMessage;
use ably_auth_websocket::Connection;
use tokio::sync::{mpsc, oneshot};

use super::seen::{Seen, Watched};

type Answer = Option<ErrorInfo>;

#[derive(Clone)]
pub(super) struct Outbox(mpsc::UnboundedSender<(ProtocolMessage, oneshot::Sender<Answer>)>);

impl Outbox {
    /// Starts the task that publishes.
    pub(super) fn start(connection: Connection, seen: Watched) -> Self {
        let (sender, mut messages) = mpsc::unbounded_channel::<(ProtocolMessage, oneshot::Sender<Answer>)>();
        tokio::spawn(async move {
            while let Some((message, reply)) = messages.recv().await {
                let answer = publish(&connection, &seen, message).await;
                // A case does not wait for a message that it queues.
                let _ = reply.send(answer);
            }
        });
        Self(sender)
    }

    /// Adds a message, and returns its answer once there is one.
    pub(super) fn send(&self, message: ProtocolMessage) -> oneshot::Receiver<Answer> {
        let (reply, answer) = oneshot::channel();
        // The task ends with this.
        let _ = self.0.send((message, reply));
        answer
    }
}

async fn publish(connection: &Connection, seen: &Watched, message: ProtocolMessage) -> Answer {
    let mut former: Option<(u64, u64)> = None;
    loop {
        let session = seen.wait(|seen| seen.is_connected.then_some(seen.session)).await;
        let (serial, since) = seen.change(|seen| match former {
            Some((serial, since)) if since == seen.serials_since => (serial, since),
            _ => (next_serial(seen), seen.serials_since),
        });
        former = Some((serial, since));
        if connection.send(message.clone().msg_serial(serial)).await.is_err() {
            // The connection was lost. The change that says so may not have arrived.
            seen.wait(|seen| (seen.session != session || !seen.is_connected).then_some(())).await;
            continue;
        }
        let answer = seen.wait(|seen| answer(&seen.answers, serial).or_else(|| lost(seen, session))).await;
        if let Some(answer) = answer {
            return answer;
        }
    }
}

fn next_serial(seen: &mut Seen) -> u64 {
    seen.next_serial += 1;
    seen.next_serial - 1
}

fn answer(answers: &BTreeMap<u64, Answer>, serial: u64) -> Option<Option<Answer>> {
    answers.get(&serial).map(|answer| Some(answer.clone()))
}

fn lost(seen: &Seen, session: u64) -> Option<Option<Answer>> {
    (seen.session != session || !seen.is_connected).then_some(None)
}
