//! The state of a session: its credential, its attachments, and how much its client sends.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use ably_auth_core::{ClientId, ErrorCode, Timestamp};

use super::effect::Moment;
use crate::channels::channel_name::ChannelName;
use crate::limits::rate_limiter::Bucket;
use crate::limits::{Limits, Rate};
use crate::live::protocol::Modes;
use crate::policy::authenticate::Principal;
use crate::policy::standing::End;
use crate::refusal::Refusal;

/// The attachment of a connection to a channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attachment {
    /// The modes that the client requested.
    pub(super) requested: Modes,
    /// The requested modes that the capability permits.
    pub(super) granted: Modes,
    /// The messages that the client publishes on the channel, if its token limits their rate.
    pub(super) published: Bucket,
}

pub(crate) struct Session {
    pub(super) connection_id: Arc<str>,
    pub(super) principal: Principal,
    pub(super) end: Option<End>,
    /// The end of the credential for which the client was prompted.
    pub(super) prompted: Option<Timestamp>,
    /// The earliest moment to prompt the client again after it renewed its token.
    pub(super) prompt_from: Timestamp,
    pub(super) attachments: BTreeMap<Box<str>, Attachment>,
    /// The messages that the client publishes without an attachment.
    pub(super) unattached: Bucket,
    frames: Bucket,
    frame_rate: Rate,
    pub(super) max_attachments: usize,
}

impl Session {
    pub(crate) fn new(connection_id: Arc<str>, principal: Principal, end: Option<End>, limits: &Limits) -> Self {
        Self {
            connection_id,
            principal,
            end,
            prompted: None,
            prompt_from: Timestamp::from_millis(0),
            attachments: BTreeMap::new(),
            unattached: Bucket::default(),
            frames: Bucket::default(),
            frame_rate: limits.connection_frames,
            max_attachments: limits.attachments,
        }
    }

    #[cfg(feature = "console")]
    pub(crate) fn connection_id(&self) -> &str {
        &self.connection_id
    }

    pub(crate) const fn principal(&self) -> &Principal {
        &self.principal
    }

    pub(crate) const fn principal_mut(&mut self) -> &mut Principal {
        &mut self.principal
    }

    /// Returns the identity of the client; `*` if it may assume any.
    pub(crate) fn client_id(&self) -> Option<&str> {
        client_id_of(&self.principal)
    }

    /// Counts a frame from the client. Returns false if there are too many.
    pub(crate) fn count_frame(&mut self, at: Moment) -> bool {
        self.frames.take(at.elapsed, self.frame_rate)
    }

    /// Returns the channels to which the connection is attached.
    pub(crate) fn attached(&self) -> impl Iterator<Item = &str> {
        self.attachments.keys().map(|channel| &**channel)
    }
}

/// Returns the identity of the client; `*` if it may assume any, and has a token that says so.
pub(crate) fn client_id_of(principal: &Principal) -> Option<&str> {
    match (&principal.identity, principal.client_id()) {
        (Some(identity), _) => Some(identity.as_str()),
        (None, ClientId::Any) if !principal.is_key_holder() => Some("*"),
        (None, _) => None,
    }
}

/// Refuses a channel that has no valid name.
pub(super) fn check_name(channel: &str) -> Result<(), Refusal> {
    let parsed = ChannelName::parse(Cow::Borrowed(channel))?;
    if *parsed.name == *channel {
        return Ok(());
    }
    let message = "invalid channel name: a connection takes no qualifier in brackets; send its parameters as `params`";
    Err(Refusal::new(ErrorCode::INVALID_CHANNEL_NAME, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_with_qualifier_is_refused() {
        assert!(check_name("a:b]c").is_ok());
        for name in ["[?rewind=1]chat", "[filter=eA]chat", ":x", "", " ", "a\nb"] {
            assert_eq!(check_name(name).map_err(|refusal| refusal.info().code()), Err(ErrorCode::INVALID_CHANNEL_NAME));
        }
    }
}
