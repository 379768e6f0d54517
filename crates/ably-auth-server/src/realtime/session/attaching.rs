//! ATTACH and DETACH, and the review of attachments after the rights of a connection changed.

use ably_auth_core::{ErrorCode, ErrorInfo};

use super::effect::{Attach, Effect, Ending, Rewind};
use super::state::{Attachment, Session, check_name};
use crate::channels::Place;
use crate::live::protocol::{Inbound, Modes};
use crate::policy::authenticate::Principal;
use crate::policy::authorize::check_identified;
use crate::refusal::Refusal;

/// Returns the channel that a message names, or the ending of a connection whose message names none.
fn channel_of(channel: Option<Box<str>>, what: &str) -> Result<Box<str>, Vec<Effect>> {
    channel.ok_or_else(|| {
        let message = format!("invalid {what}: it names no channel; set `channel`");
        vec![Effect::End(Ending::Failed(ErrorInfo::new(ErrorCode::BAD_REQUEST, message)))]
    })
}

/// Returns the requested modes that the client may use on a channel. Refuses a channel on which it may use none.
fn granted_modes(principal: &Principal, channel: &str, requested: Modes) -> Result<Modes, Refusal> {
    check_identified(principal, channel, principal.identity.is_some())?;
    let granted = requested.intersection(Modes::permitted(principal.capability(), channel));
    if granted.is_empty() {
        let message =
            format!("capability does not permit to attach to `{channel}` with these modes; ask for a token that does");
        return Err(Refusal::new(ErrorCode::CAPABILITY_REFUSED, message));
    }
    Ok(granted)
}

impl Session {
    pub(super) fn attach(&mut self, message: Inbound) -> Vec<Effect> {
        let channel = match channel_of(message.channel, "ATTACH") {
            Ok(channel) => channel,
            Err(end) => return end,
        };
        let params = message.params.unwrap_or_default();
        let requested = Modes::requested(message.flags.unwrap_or_default(), params.modes.as_deref());
        let after = message.channel_serial.as_deref().and_then(Place::of_serial);
        match self.plan_attach(&channel, requested, params.rewind, after) {
            Ok(attach) => vec![Effect::Attach(attach)],
            Err(refusal) => {
                // An attachment that is refused when it is repeated ends.
                let error = refusal.info().clone();
                match self.attachments.remove(&channel) {
                    Some(_) => vec![Effect::Detach { channel, error: Some(error) }],
                    None => vec![Effect::RefuseChannel { channel, error }],
                }
            }
        }
    }

    fn plan_attach(
        &mut self,
        channel: &str,
        requested: Modes,
        rewind: Option<Box<str>>,
        after: Option<Place>,
    ) -> Result<Attach, Refusal> {
        check_name(channel)?;
        let granted = granted_modes(&self.principal, channel, requested)?;
        let rewind = match rewind {
            None => None,
            Some(text) => {
                let invalid = || {
                    let message =
                        "invalid rewind: not a number of messages such as `10`, nor a time such as `15s` or `2m`";
                    Refusal::new(ErrorCode::INVALID_PARAMETER, message)
                };
                let rewind = Rewind::parse(&text).ok_or_else(invalid)?;
                Some((text, rewind))
            }
        };
        let known = self.attachments.get(channel).copied();
        if known.is_none() && self.attachments.len() >= self.max_attachments {
            let most = self.max_attachments;
            let message = format!("the connection is attached to {most} channels, the maximum; detach from some");
            return Err(Refusal::new(ErrorCode::TOO_MANY_CHANNELS, message));
        }
        let published = known.map(|attachment| attachment.published).unwrap_or_default();
        self.attachments.insert(channel.into(), Attachment { requested, granted, published });
        Ok(Attach { channel: channel.into(), modes: granted, after, rewind, is_repeated: known.is_some() })
    }

    /// Takes back an attachment for which there is no room.
    pub(crate) fn forget_attachment(&mut self, channel: &str) {
        self.attachments.remove(channel);
    }

    pub(super) fn detach(&mut self, message: Inbound) -> Vec<Effect> {
        match channel_of(message.channel, "DETACH") {
            Ok(channel) if self.attachments.remove(&channel).is_some() => vec![Effect::Detach { channel, error: None }],
            Ok(channel) => vec![Effect::ConfirmDetached { channel }],
            Err(end) => end,
        }
    }

    pub(super) fn sync(&self, message: Inbound) -> Vec<Effect> {
        let channel = match channel_of(message.channel, "SYNC") {
            Ok(channel) => channel,
            Err(end) => return end,
        };
        let attachment = self.attachments.get(&channel);
        if attachment.is_some_and(|attachment| attachment.granted.has(Modes::PRESENCE_SUBSCRIBE)) {
            return vec![Effect::Sync { channel }];
        }
        let message = "the connection is not attached to the channel with the mode `presence_subscribe`; attach first";
        vec![Effect::RefuseChannel {
            channel,
            error: ErrorInfo::new(ErrorCode::CHANNEL_NOT_ATTACHED, message).with_status(400),
        }]
    }

    /// Judges each attachment with the rights that the connection has now (`RTC8a1`).
    pub(super) fn review_attachments(&mut self) -> Vec<Effect> {
        let (mut effects, principal) = (Vec::new(), &self.principal);
        self.attachments.retain(|channel, attachment| match granted_modes(principal, channel, attachment.requested) {
            Ok(modes) => {
                if modes != attachment.granted {
                    attachment.granted = modes;
                    effects.push(Effect::SetModes { channel: channel.clone(), modes });
                }
                true
            }
            Err(refusal) => {
                effects.push(Effect::Detach { channel: channel.clone(), error: Some(refusal.info().clone()) });
                false
            }
        });
        effects
    }
}
