//! Pings of the application.

use std::time::Duration;

use ably_auth::connection::{Action, ProtocolMessage};
use ably_auth::{Error, Random};
use tokio::sync::oneshot;

type Reply = oneshot::Sender<Result<Duration, Error>>;

/// The maximum number of pings that wait for their answer.
const MAX_PINGS: usize = 16;

/// The pings that wait for their answer (`RTN13`).
#[derive(Default)]
pub(crate) struct Pings(Vec<Ping>);

struct Ping {
    id: String,
    sent: Duration,
    reply: Reply,
}

impl Pings {
    /// Begins a ping. Returns the message to send, or `None` if there are too many pings. `unwritten` is the number of
    /// messages that wait for a service that reads nothing: callers that gave up have left their pings there.
    pub(crate) fn begin(
        &mut self,
        random: &dyn Random,
        now: Duration,
        unwritten: usize,
        reply: Reply,
    ) -> Option<ProtocolMessage> {
        // Callers may have given up.
        self.0.retain(|ping| !ping.reply.is_closed());
        if self.0.len().max(unwritten) >= MAX_PINGS {
            let text = format!("{MAX_PINGS} pings wait for their answer; wait for one of them");
            return Self::refuse(reply, Error::configuration(text));
        }
        let bytes = match random.bytes() {
            Ok(bytes) => bytes,
            Err(error) => return Self::refuse(reply, error),
        };
        let id = format!("{:032x}", u128::from_be_bytes(bytes));
        let heartbeat = ProtocolMessage::new(Action::Heartbeat).id(&*id);
        self.0.push(Ping { id, sent: now, reply });
        Some(heartbeat)
    }

    /// Ends a ping with an error.
    pub(crate) fn refuse(reply: Reply, error: Error) -> Option<ProtocolMessage> {
        let _ = reply.send(Err(error));
        None
    }

    /// Ends the ping that `message` answers. Returns false if it answers none.
    pub(crate) fn answer(&mut self, message: &ProtocolMessage, now: Duration) -> bool {
        if message.action() != Action::Heartbeat {
            return false;
        }
        let answered = self.0.iter().position(|ping| Some(&*ping.id) == message.get_id());
        let Some(place) = answered else { return false };
        let Ping { sent, reply, .. } = self.0.swap_remove(place);
        // The caller may have given up.
        let _ = reply.send(Ok(now.saturating_sub(sent)));
        true
    }

    /// Ends all pings with an error.
    pub(crate) fn fail(&mut self, error: &Error) {
        for Ping { reply, .. } in self.0.drain(..) {
            let _ = reply.send(Err(error.clone()));
        }
    }
}
