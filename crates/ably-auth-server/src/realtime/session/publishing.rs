//! MESSAGE: what a connection publishes.

use ably_auth_core::{ErrorCode, ErrorInfo};

use super::effect::{Effect, Moment};
use super::state::{Session, check_name};
use crate::channels::{MAX_PUBLISHED, Message};
use crate::live::protocol::Modes;
use crate::live::protocol::inbound::AtMost;
use crate::live::protocol::outbound::MAX_MESSAGE_SIZE;
use crate::live::protocol::{Action, Inbound};
use crate::policy::publish::{Publisher, rate_exceeded};
use crate::refusal::Refusal;

impl Session {
    pub(super) fn publish(&mut self, message: Inbound, at: Moment) -> Vec<Effect> {
        let Some(msg_serial) = message.msg_serial else {
            // Without a serial, messages could not be told apart from repeated ones.
            let error = ErrorInfo::new(ErrorCode::BAD_REQUEST, "invalid MESSAGE: it has no serial; set `msgSerial`");
            return vec![Effect::Refuse { action: Action::Message, channel: message.channel, msg_serial: 0, error }];
        };
        let Some(channel) = message.channel else {
            let error = ErrorInfo::new(ErrorCode::BAD_REQUEST, "invalid MESSAGE: it names no channel; set `channel`");
            return vec![Effect::Refuse { action: Action::Message, channel: None, msg_serial, error }];
        };
        match self.admit(&channel, message.messages, at) {
            Ok(messages) => vec![Effect::Publish { channel, msg_serial, messages }],
            Err(refusal) => vec![Effect::Refuse {
                action: Action::Message,
                channel: Some(channel),
                msg_serial,
                error: refusal.info().clone(),
            }],
        }
    }

    fn admit(
        &mut self,
        channel: &str,
        messages: AtMost<Message, MAX_PUBLISHED>,
        at: Moment,
    ) -> Result<Vec<Message>, Refusal> {
        check_name(channel)?;
        let publisher = Publisher::new(&self.principal);
        publisher.authorize(channel)?;
        self.check_mode(channel, Modes::PUBLISH, "publish")?;
        check_messages(&messages)?;
        let messages = publisher.sign(channel, messages.values, Some(&self.connection_id))?;
        if let Some(rate) = publisher.rate(channel) {
            let attachment = self.attachments.get_mut(channel).map(|attachment| &mut attachment.published);
            let published = attachment.unwrap_or(&mut self.unattached);
            if !published.take_many(at.elapsed, rate, messages.len()) {
                return Err(rate_exceeded(rate));
            }
        }
        Ok(messages)
    }

    /// Refuses an operation that the capability permits if its mode was not requested when the connection attached.
    pub(super) fn check_mode(&self, channel: &str, mode: Modes, name: &str) -> Result<(), Refusal> {
        if self.attachments.get(channel).is_none_or(|attachment| attachment.granted.has(mode)) {
            return Ok(());
        }
        let message = format!("the connection is attached to the channel without the mode `{name}`; attach with it");
        Err(Refusal::new(ErrorCode::CHANNEL_MODE_NOT_REQUESTED, message))
    }
}

fn check_messages(list: &AtMost<Message, MAX_PUBLISHED>) -> Result<(), Refusal> {
    let refuse = |code, problem: String| Err(Refusal::new(code, problem));
    let messages = &list.values;
    if messages.is_empty() {
        return refuse(ErrorCode::BAD_REQUEST, "invalid MESSAGE: it has no message; send at least one".into());
    }
    if list.is_cut {
        let problem = format!("invalid MESSAGE: it has more than {MAX_PUBLISHED} messages; send fewer in one");
        return refuse(ErrorCode::BODY_TOO_LARGE, problem);
    }
    if messages.iter().any(Message::is_edit) {
        let problem = "messages cannot be changed or deleted here; publish a new one".into();
        return refuse(ErrorCode::BAD_REQUEST, problem);
    }
    if messages.iter().map(Message::payload).fold(0, usize::saturating_add) > MAX_MESSAGE_SIZE {
        let problem = format!("invalid MESSAGE: its messages are longer than {MAX_MESSAGE_SIZE} bytes; send less");
        return refuse(ErrorCode::BODY_TOO_LARGE, problem);
    }
    Ok(())
}
