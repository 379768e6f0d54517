//! A connection's session, as a state machine: a message or an event at a moment yields effects. It has no socket, timer
//! or store.

mod attaching;
mod credential;
mod effect;
mod entering;
mod publishing;
#[cfg(test)]
mod simulation;
mod state;

use ably_auth_core::{ErrorCode, ErrorInfo};

use crate::live::protocol::inbound::Head;
use crate::live::protocol::{Action, Inbound};
pub(crate) use credential::ending_of;
pub(crate) use effect::{Attach, Effect, Ending, Moment, Rewind};
pub(crate) use state::{Session, client_id_of};

impl Session {
    /// Handles a message from the client.
    pub(crate) fn receive(&mut self, message: Inbound, at: Moment) -> Vec<Effect> {
        let is_within_rate = self.count_frame(at);
        match message.action {
            Action::Message | Action::Presence | Action::Object | Action::Annotation if !is_within_rate => {
                let error = too_many_frames(ErrorCode::PUBLISH_RATE_EXCEEDED);
                vec![Effect::Refuse {
                    action: message.action,
                    channel: message.channel,
                    msg_serial: message.msg_serial.unwrap_or_default(),
                    error,
                }]
            }
            _ if !is_within_rate => {
                vec![Effect::End(Ending::Disconnected(too_many_frames(ErrorCode::CONNECTION_RATE_EXCEEDED)))]
            }
            Action::Heartbeat => message.id.map(Effect::Heartbeat).into_iter().collect(),
            Action::Close => vec![Effect::End(Ending::Closed)],
            Action::Disconnect => vec![Effect::End(Ending::Lost)],
            Action::Auth => Self::present(message),
            Action::Attach => self.attach(message),
            Action::Detach => self.detach(message),
            Action::Message => self.publish(message, at),
            Action::Presence => self.enter(message),
            Action::Sync => self.sync(message),
            Action::Object | Action::Annotation => vec![not_served(message)],
            // Messages that only a service sends, or that this version does not know (`RTF1`).
            _ => Vec::new(),
        }
    }
}

impl Session {
    /// Refuses a message of which only the head could be read. Only what it asked for fails, if clients can be told so.
    pub(crate) fn refuse_unreadable(head: Head, error: ErrorInfo) -> Effect {
        let Head { action, channel, msg_serial } = head;
        match (action, channel) {
            (Action::Message | Action::Presence, channel) => {
                Effect::Refuse { action, channel, msg_serial: msg_serial.unwrap_or_default(), error }
            }
            (Action::Attach, Some(channel)) => Effect::RefuseChannel { channel, error },
            _ => Effect::End(Ending::Failed(error)),
        }
    }
}

/// Refuses a message of a kind that needs what the service does not have.
fn not_served(message: Inbound) -> Effect {
    let what = if message.action == Action::Object { "objects" } else { "annotations" };
    let error = ErrorInfo::new(ErrorCode::BAD_REQUEST, format!("{what} are not served here; publish messages"));
    Effect::Refuse {
        action: message.action,
        channel: message.channel,
        msg_serial: message.msg_serial.unwrap_or_default(),
        error,
    }
}

pub(crate) fn too_many_frames(code: ErrorCode) -> ErrorInfo {
    ErrorInfo::new(code, "the connection sends too many frames; send fewer a second").with_status(429)
}
