//! The attachments and presence members of an app's channels, and the delivery of messages to them.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ably_auth_core::{ErrorCode, Timestamp};
use bytes::Bytes;

use super::mailbox::Mailbox;
use super::protocol::outbound::{self, MAX_FRAME_SIZE};
use super::protocol::{Action, Modes, Outbound};
use crate::channels::presence::{Members, PresenceAction, PresentMember};
use crate::channels::{Occupancy, Stored};
use crate::format::Format;
use crate::limits::Limits;
use crate::limits::budget::Account;
use crate::refusal::Refusal;

/// The bytes that an attachment uses, in addition to twice its channel's name.
pub(crate) const ATTACHMENT_BYTES: usize = 512;

/// The channels of an app that have attachments or presence members.
#[derive(Debug, Default)]
pub(crate) struct Attachments {
    channels: HashMap<Box<str>, LiveChannel>,
    /// The number of SYNC sequences so far.
    syncs: u64,
}

#[derive(Debug, Default)]
struct LiveChannel {
    /// The attachments by the number of their connection.
    attachments: HashMap<u64, Attachment>,
    members: Members,
}

#[derive(Debug)]
struct Attachment {
    mailbox: Arc<Mailbox>,
    modes: Modes,
}

/// A message in each format, encoded when a connection first needs it.
struct Encoded<F> {
    encode: F,
    json: Option<Bytes>,
    msgpack: Option<Bytes>,
}

impl<F: Fn(Format) -> Bytes> Encoded<F> {
    const fn new(encode: F) -> Self {
        Self { encode, json: None, msgpack: None }
    }

    fn send_to(&mut self, mailbox: &Mailbox) {
        let encoded = match mailbox.format {
            Format::Json => &mut self.json,
            Format::MsgPack => &mut self.msgpack,
        };
        let frame = encoded.get_or_insert_with(|| (self.encode)(mailbox.format));
        mailbox.push(frame.clone());
    }
}

impl LiveChannel {
    fn is_unused(&self) -> bool {
        self.attachments.is_empty() && self.members.len() == 0
    }
}

impl Attachments {
    /// Attaches a connection, or changes the modes of its attachment. Returns true if the channel has presence members.
    pub(crate) fn attach(&mut self, channel: &str, mailbox: &Arc<Mailbox>, modes: Modes) -> bool {
        let live = self.channels.entry(channel.into()).or_default();
        live.attachments.insert(mailbox.number, Attachment { mailbox: Arc::clone(mailbox), modes });
        live.members.len() > 0
    }

    /// Detaches a connection. Its presence members stay.
    pub(crate) fn detach(&mut self, channel: &str, mailbox: &Mailbox) {
        self.change(channel, |live| drop(live.attachments.remove(&mailbox.number)));
    }

    /// Changes a channel, and removes it if it is unused then.
    fn change<T>(&mut self, channel: &str, change: impl FnOnce(&mut LiveChannel) -> T) -> T {
        match self.channels.entry(channel.into()) {
            Entry::Occupied(mut known) => {
                let result = change(known.get_mut());
                if known.get().is_unused() {
                    known.remove();
                }
                result
            }
            Entry::Vacant(_) => change(&mut LiveChannel::default()),
        }
    }

    /// Sends messages to all attachments that subscribe to the channel, except to a publisher without echo.
    pub(crate) fn deliver(
        &self,
        channel: &str,
        messages: &[Stored],
        id: &str,
        publisher: Option<&str>,
        now: Timestamp,
    ) {
        let (Some(live), Some(last)) = (self.channels.get(channel), messages.last()) else {
            return;
        };
        let mut encoded =
            Encoded::new(|format| message_frame(channel, messages, last, Some(id), publisher, now, format));
        for Attachment { mailbox, modes } in live.attachments.values() {
            let is_own = publisher == Some(&*mailbox.connection_id);
            if modes.has(Modes::SUBSCRIBE) && (mailbox.echo || !is_own) {
                encoded.send_to(mailbox);
            }
        }
    }

    /// Applies presence messages, and sends them to all attachments that subscribe to presence.
    pub(crate) fn apply_presence(&mut self, channel: &str, messages: &[PresentMember], serial: &str) {
        let frame = |format| {
            let members = outbound::Members { members: messages, has_bytes: format == Format::MsgPack };
            let connection_id = messages.first().map(|first| &*first.connection_id);
            let message = Outbound {
                channel: Some(channel),
                channel_serial: Some(serial),
                connection_id,
                presence: Some(members),
                ..Outbound::new(Action::Presence)
            };
            message.encode(format)
        };
        let apply = |live: &mut LiveChannel| {
            messages.iter().for_each(|message| live.members.apply(message));
            let mut encoded = Encoded::new(frame);
            for Attachment { mailbox, modes } in live.attachments.values() {
                if modes.has(Modes::PRESENCE_SUBSCRIBE) {
                    encoded.send_to(mailbox);
                }
            }
        };
        // A message of a member that is not known, such as LEAVE, adds no channel.
        if messages.iter().all(|message| message.action == PresenceAction::Leave) {
            self.change(channel, apply);
        } else {
            apply(self.channels.entry(channel.into()).or_default());
        }
    }

    /// Returns the presence members of a channel.
    pub(crate) fn members(&self, channel: &str) -> Option<&Members> {
        self.channels.get(channel).map(|live| &live.members)
    }

    /// Returns the presence members of a connection on a channel.
    pub(crate) fn members_of(&self, channel: &str, connection_id: &Arc<str>) -> Vec<PresentMember> {
        let members = self.members(channel).into_iter();
        members.flat_map(|members| members.of_connection(connection_id)).cloned().collect()
    }

    /// Returns whether a connection has presence members on a channel.
    pub(crate) fn has_members(&self, channel: &str, connection_id: &Arc<str>) -> bool {
        self.members(channel).is_some_and(|members| members.of_connection(connection_id).next().is_some())
    }

    /// Returns the names of the members whose connections are of this service: the channel, the connection and the client.
    pub(crate) fn local_members(&self) -> Vec<(Box<str>, Arc<str>, Box<str>)> {
        let mut names = Vec::new();
        for (channel, live) in &self.channels {
            let local = live.members.iter().filter(|member| member.is_local);
            names.extend(
                local.map(|member| (channel.clone(), Arc::clone(&member.connection_id), member.client_id.clone())),
            );
        }
        names
    }

    /// Takes the memory that presence messages need, and gives back what they free. Refuses them if they do not fit, or
    /// if the channel would have too many members.
    pub(crate) fn reserve_presence(
        &self,
        channel: &str,
        messages: &[PresentMember],
        account: &Account,
        limits: &Limits,
    ) -> Result<(), Refusal> {
        let known = self.members(channel);
        let size_before = |message: &PresentMember| {
            known.and_then(|members| members.size_of(&message.connection_id, &message.client_id))
        };
        // The last message of a client decides: those before it replace each other, and use no memory.
        let last: BTreeMap<_, _> =
            messages.iter().map(|message| ((&message.connection_id, &message.client_id), message)).collect();
        let (mut needed, mut freed, mut added) = (0_usize, 0_usize, 0_usize);
        for message in last.values() {
            let before = size_before(message);
            let after = (message.action != PresenceAction::Leave).then(|| message.size());
            freed = freed.saturating_add(before.unwrap_or_default());
            needed = needed.saturating_add(after.unwrap_or_default());
            added = added.saturating_add(usize::from(before.is_none() && after.is_some()));
        }
        let (count, bytes) = known.map_or((0, 0), |members| (members.len(), members.bytes()));
        let (most, most_bytes) = (limits.presence_members, limits.presence_bytes());
        let is_full = count.saturating_add(added) > most && added > 0;
        if is_full || needed > freed && bytes.saturating_add(needed).saturating_sub(freed) > most_bytes {
            let message = format!(
                "the channel has as many presence members as it may, {most} or {most_bytes} bytes; let some leave, or \
                 enter with less data"
            );
            return Err(Refusal::new(ErrorCode::TOO_MANY_PRESENCE_MEMBERS, message));
        }
        if !account.take(needed) {
            return Err(Refusal::overloaded("bytes in use by realtime connections"));
        }
        account.give_back(freed);
        Ok(())
    }

    /// Sends all presence members of a channel to a connection, as a sequence of SYNC messages (`RTP18`).
    pub(crate) fn sync(&mut self, channel: &str, mailbox: &Mailbox) {
        self.syncs = self.syncs.saturating_add(1);
        let mut rest: Vec<_> = self.members(channel).into_iter().flat_map(Members::iter).collect();
        loop {
            let later = rest.split_off(part_length(rest.iter().copied()));
            let part: Vec<_> = std::mem::replace(&mut rest, later).into_iter().cloned().collect();
            // The part after the colon is empty in the last message of the sequence.
            let cursor = if rest.is_empty() { String::new() } else { rest.len().to_string() };
            let serial = format!("{}:{cursor}", self.syncs);
            let members = outbound::Members { members: &part, has_bytes: mailbox.format == Format::MsgPack };
            mailbox.send(&Outbound {
                channel: Some(channel),
                channel_serial: Some(&serial),
                presence: Some(members),
                ..Outbound::new(Action::Sync)
            });
            if rest.is_empty() || mailbox.is_closed() {
                return;
            }
        }
    }

    pub(crate) fn occupancy(&self, channel: &str) -> Occupancy {
        let Some(live) = self.channels.get(channel) else {
            return Occupancy::default();
        };
        let with = |mode: Modes| live.attachments.values().filter(|attachment| attachment.modes.has(mode)).count();
        Occupancy {
            connections: live.attachments.len(),
            publishers: with(Modes::PUBLISH),
            subscribers: with(Modes::SUBSCRIBE),
            presence_connections: live.members.connections(),
            presence_subscribers: with(Modes::PRESENCE_SUBSCRIBE),
            presence_members: live.members.len(),
        }
    }
}

/// Returns how many of the members fit into one frame: at least one, if there is one.
pub(crate) fn part_length<'a>(members: impl ExactSizeIterator<Item = &'a PresentMember>) -> usize {
    // JSON escapes a control character in six bytes.
    const ESCAPED: usize = 6;
    let (mut bytes, all) = (0_usize, members.len());
    let fits = |member: &&PresentMember| {
        bytes = bytes.saturating_add(member.size().saturating_mul(ESCAPED));
        bytes <= MAX_FRAME_SIZE
    };
    members.take_while(fits).count().max(1).min(all)
}

/// Encodes a MESSAGE. `last` is the last of the messages.
pub(crate) fn message_frame(
    channel: &str,
    messages: &[Stored],
    last: &Stored,
    id: Option<&str>,
    publisher: Option<&str>,
    now: Timestamp,
    format: Format,
) -> Bytes {
    let serial = last.serial().to_string();
    let message = Outbound {
        id,
        channel: Some(channel),
        channel_serial: Some(&serial),
        connection_id: publisher,
        timestamp: Some(now),
        messages: Some(outbound::Messages { messages, has_bytes: format == Format::MsgPack }),
        ..Outbound::new(Action::Message)
    };
    message.encode(format)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::presence::PresenceMessage;
    use crate::limits::budget::Budget;

    /// Returns an update of a member.
    fn update(client_id: &str, data: &str) -> PresentMember {
        let message = serde_json::json!({ "action": 4, "data": data });
        let message: PresenceMessage = serde_json::from_value(message).unwrap();
        message.of_member(client_id, &"connection".into(), "id".into(), Timestamp::from_millis(0))
    }

    #[test]
    fn repeated_updates_of_a_member_free_its_memory_once() {
        let account = Account::new(usize::MAX, [Budget::new(usize::MAX)]);
        let (mut attachments, limits) = (Attachments::default(), Limits::default());
        let updates: Vec<_> = (0..100).map(|_| update("bob", "x")).collect();
        for messages in [&[update("bob", &"x".repeat(60_000)), update("alice", "x")][..], &updates] {
            attachments.reserve_presence("chat", messages, &account, &limits).unwrap();
            attachments.apply_presence("chat", messages, "serial");
        }
        assert_eq!(account.used(), attachments.members("chat").unwrap().bytes());
    }

    #[test]
    fn members_are_sent_in_frames_that_clients_accept() {
        let members: Vec<_> = (0..60).map(|nth| update(&nth.to_string(), &"\0".repeat(1_000 * nth))).collect();
        let mut rest = &members[..];
        while !rest.is_empty() {
            let (part, later) = rest.split_at(part_length(rest.iter()));
            let members = outbound::Members { members: part, has_bytes: false };
            let frame = Outbound { presence: Some(members), ..Outbound::new(Action::Presence) }.encode(Format::Json);
            assert!(!part.is_empty() && frame.len() <= MAX_FRAME_SIZE, "{} bytes", frame.len());
            rest = later;
        }
    }
}
