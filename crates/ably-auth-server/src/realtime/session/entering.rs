//! PRESENCE: which clients of a connection enter, update or leave.

use ably_auth_core::{ErrorCode, ErrorInfo, Identity, Operation};

use super::effect::Effect;
use super::state::{Session, check_name};
use crate::channels::presence::{PresenceAction, PresenceMessage};
use crate::live::protocol::Modes;
use crate::live::protocol::inbound::{AtMost, MAX_PRESENCE_MESSAGES};
use crate::live::protocol::outbound::MAX_MESSAGE_SIZE;
use crate::live::protocol::{Action, Inbound};
use crate::policy::authorize::{authorize, check_identified};
use crate::refusal::Refusal;

impl Session {
    pub(super) fn enter(&self, message: Inbound) -> Vec<Effect> {
        let Some(msg_serial) = message.msg_serial else {
            let error = ErrorInfo::new(ErrorCode::BAD_REQUEST, "invalid PRESENCE: it has no serial; set `msgSerial`");
            return vec![Effect::Refuse { action: Action::Presence, channel: message.channel, msg_serial: 0, error }];
        };
        let Some(channel) = message.channel else {
            let error = ErrorInfo::new(ErrorCode::BAD_REQUEST, "invalid PRESENCE: it names no channel; set `channel`");
            return vec![Effect::Refuse { action: Action::Presence, channel: None, msg_serial, error }];
        };
        match self.admit_presence(&channel, message.presence) {
            Ok(messages) => vec![Effect::Enter { channel, msg_serial, messages }],
            Err(refusal) => vec![Effect::Refuse {
                action: Action::Presence,
                channel: Some(channel),
                msg_serial,
                error: refusal.info().clone(),
            }],
        }
    }

    fn admit_presence(
        &self,
        channel: &str,
        list: AtMost<PresenceMessage, MAX_PRESENCE_MESSAGES>,
    ) -> Result<Vec<(PresenceMessage, Box<str>)>, Refusal> {
        let AtMost { values: messages, is_cut } = list;
        check_name(channel)?;
        authorize(self.principal.capability(), Operation::Presence, channel)?;
        let is_identified = self.principal.identity.is_some() || messages.iter().all(PresenceMessage::names_client);
        check_identified(&self.principal, channel, is_identified)?;
        self.check_mode(channel, Modes::PRESENCE, "presence")?;
        if !self.attachments.contains_key(channel) {
            let message = "the connection is not attached to the channel; attach before you enter";
            return Err(Refusal::new(ErrorCode::PRESENCE_WITHOUT_ATTACHMENT, message));
        }
        if messages.is_empty() || is_cut {
            let message = format!("invalid PRESENCE: send 1 to {MAX_PRESENCE_MESSAGES} presence messages in one");
            return Err(Refusal::new(ErrorCode::BAD_REQUEST, message));
        }
        if messages.iter().map(PresenceMessage::payload).fold(0, usize::saturating_add) > MAX_MESSAGE_SIZE {
            let message = format!("invalid PRESENCE: its messages are longer than {MAX_MESSAGE_SIZE} bytes; send less");
            return Err(Refusal::new(ErrorCode::BODY_TOO_LARGE, message));
        }
        let with_client = |message: PresenceMessage| {
            if message.action == PresenceAction::Absent {
                let problem = "invalid presence action; send 2 to enter, 3 to leave or 4 to update";
                return Err(Refusal::new(ErrorCode::BAD_REQUEST, problem));
            }
            let client_id = self.presence_client(message.client_id.as_deref())?;
            Ok((message, client_id))
        };
        messages.into_iter().map(with_client).collect()
    }

    /// Returns the client of a presence message: the one that it names if the connection may act as it, else the
    /// connection's own (`RTP8`, `RTP15`).
    fn presence_client(&self, named: Option<&str>) -> Result<Box<str>, Refusal> {
        let own = self.principal.identity.as_ref().map(Identity::as_str);
        let is_permitted = |named: &str| match own {
            Some(own) => own == named,
            None => self.principal.client_id().permits(named),
        };
        match named.or(own) {
            Some(client_id) if Identity::new(client_id).is_ok() && is_permitted(client_id) => Ok(client_id.into()),
            Some(_) => {
                let message =
                    "the connection may not enter with this clientId; use its own, or a token that permits it";
                Err(Refusal::new(ErrorCode::PRESENCE_WITHOUT_CLIENT_ID, message))
            }
            None => {
                let message =
                    "a presence member needs a clientId; connect with one, or name one that the token permits";
                Err(Refusal::new(ErrorCode::PRESENCE_WITHOUT_CLIENT_ID, message))
            }
        }
    }
}
