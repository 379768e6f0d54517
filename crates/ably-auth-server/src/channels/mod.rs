//! Channels: messages, presence members and statistics, in memory.

pub(crate) mod channel_name;
mod data;
mod extras;
mod message;
pub(crate) mod page;
pub(crate) mod presence;
pub(crate) mod relayed;
pub(crate) mod stats;

pub(crate) use message::{Author, Message, Place, Published, Run, Serial};

use std::collections::{HashMap, VecDeque};
use std::mem::size_of;
use std::sync::Arc;

use ably_auth_core::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::channels::page::{Page, Positioned};
use crate::random;
use crate::refusal::Refusal;

/// The maximum number of channels kept for an app.
const MAX_CHANNELS: usize = 256;

/// The maximum number of messages kept for a channel.
const MAX_MESSAGES: usize = 256;

/// The maximum memory, in bytes, that a channel's messages use.
const MAX_BYTES: usize = 1024 * 1024;

/// The maximum number of messages that one request publishes.
pub(crate) const MAX_PUBLISHED: usize = 500;

/// The channels of an app that have messages. At the limit, a new channel evicts the one published on least recently.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    /// The run of the service to which the serials belong.
    run: Run,
    channels: HashMap<Box<str>, Channel>,
    /// The number of messages published so far, on all channels.
    published: u64,
    /// The memory that all channels use, in bytes.
    bytes: usize,
    /// The position of the latest message of a channel that was dropped as a whole.
    dropped: u64,
    /// The position up to which messages of other services may be missing on any channel.
    gap: u64,
}

#[derive(Debug, Default)]
struct Channel {
    messages: VecDeque<Stored>,
    bytes: usize,
    last_position: u64,
    /// The position of the latest message that was dropped; 0 if all are kept.
    dropped: u64,
}

/// The result of publishing messages together.
#[derive(Debug)]
pub(crate) struct Publication {
    /// The serials of all messages.
    pub(crate) serials: Vec<String>,
    /// The messages that were not stored before.
    pub(crate) new: Vec<Stored>,
}

/// A message of a channel. A clone shares the message.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    serial: Serial,
    bytes: usize,
    message: Arc<Message>,
}

impl Stored {
    /// Returns the message ready to serialize, for a format that has a byte type if `has_bytes` is true.
    pub(crate) fn published(&self, has_bytes: bool) -> Published<'_> {
        Published { message: &self.message, serial: self.serial, has_bytes }
    }

    /// Returns approximately how many bytes of memory the message uses.
    pub(crate) const fn size(&self) -> usize {
        self.bytes
    }

    pub(crate) const fn serial(&self) -> Serial {
        self.serial
    }

    pub(crate) const fn published_at(&self) -> Timestamp {
        self.serial.published
    }

    /// Returns the connection that published the message, if it did not come in a request.
    pub(crate) fn connection_id(&self) -> Option<&str> {
        self.message.connection_id()
    }

    /// Returns the serial that the message has for everybody; [`serial`](Self::serial) is its place here.
    pub(crate) fn public_serial(&self) -> String {
        self.message.foreign_serial().map_or_else(|| self.serial.to_string(), Into::into)
    }

    pub(crate) const fn place(&self) -> u64 {
        self.serial.position
    }
}

impl Positioned for &Stored {
    fn position(&self) -> u64 {
        self.place()
    }

    fn timestamp(&self) -> Timestamp {
        self.serial.published
    }
}

impl Channels {
    /// Returns no channels, with serials of a run that no other service has.
    pub(crate) fn of_run(run: Run) -> Self {
        Self { run, ..Self::default() }
    }

    /// Returns how many bytes of memory all channels use.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Stores messages. A message without an id gets one that begins with `batch`. A message whose id is already stored
    /// is not stored again, so that a publisher can retry.
    pub(crate) fn publish(&mut self, name: &str, messages: Vec<Message>, batch: &str, now: Timestamp) -> Publication {
        self.store(name, messages.into_iter().map(|message| (now, message)), batch)
    }

    /// Stores messages that were published at another service, each with the time at which it was. Returns those that
    /// were not stored before.
    pub(crate) fn receive(&mut self, name: &str, messages: Vec<(Timestamp, Message)>) -> Vec<Stored> {
        // They have ids.
        self.store(name, messages.into_iter(), "").new
    }

    fn store(&mut self, name: &str, messages: impl Iterator<Item = (Timestamp, Message)>, batch: &str) -> Publication {
        let mut new = Vec::new();
        self.make_room(name);
        let before = self.channels.remove(name);
        self.bytes = self.bytes.saturating_sub(before.as_ref().map_or(0, |channel| channel.size(name)));
        let mut channel = before.unwrap_or_default();
        let serials = messages
            .enumerate()
            .map(|(nth, (published, message))| {
                if let Some(known) = channel.same_as(&message) {
                    return known.public_serial();
                }
                self.published = self.published.saturating_add(1);
                let serial = Serial { published, position: self.published, run: self.run };
                let message = message.with_id(|| format!("{batch}:{nth}"));
                let bytes = size_of::<Stored>().saturating_add(message.size());
                let stored = Stored { serial, bytes, message: Arc::new(message) };
                new.push(stored.clone());
                channel.keep(stored);
                serial.to_string()
            })
            .collect();
        channel.last_position = self.published;
        self.bytes = self.bytes.saturating_add(channel.size(name));
        self.channels.insert(name.into(), channel);
        Publication { serials, new }
    }

    fn make_room(&mut self, name: &str) {
        if self.channels.len() >= MAX_CHANNELS && !self.channels.contains_key(name) {
            self.drop_oldest(usize::MAX);
        }
    }

    /// Drops messages of the channel published on least recently, oldest first, until `bytes` are free or the channel
    /// has no messages and is removed. Returns false if there are no channels.
    pub(crate) fn drop_oldest(&mut self, bytes: usize) -> bool {
        let oldest = self.channels.iter().min_by_key(|(_, channel)| channel.last_position);
        let oldest = oldest.map(|(name, _)| name.clone());
        let Some((name, mut channel)) = oldest.and_then(|name| self.channels.remove_entry(&name)) else {
            return false;
        };
        let before = channel.size(&name);
        let keeps = |channel: &Channel| before.saturating_sub(channel.size(&name)) < bytes;
        while keeps(&channel) && channel.drop_first() {}
        if channel.messages.is_empty() {
            self.dropped = self.dropped.max(channel.last_position);
            self.bytes = self.bytes.saturating_sub(before);
        } else {
            self.bytes = self.bytes.saturating_sub(before).saturating_add(channel.size(&name));
            self.channels.insert(name, channel);
        }
        true
    }

    /// Returns at most `limit` channel names that begin with `prefix` and come after `after`, sorted. Also returns
    /// whether there are more.
    pub(crate) fn names(&self, prefix: &str, after: Option<&str>, limit: usize) -> (Vec<String>, bool) {
        let is_ahead = |name: &&str| name.starts_with(prefix) && after.is_none_or(|after| *name > after);
        let mut names: Vec<_> = self.channels.keys().map(|name| &**name).filter(is_ahead).collect();
        names.sort_unstable();
        let more = names.len() > limit;
        names.truncate(limit);
        (names.into_iter().map(Into::into).collect(), more)
    }

    /// Returns the serial of a moment: it sorts after all messages so far, and before all that follow.
    pub(crate) const fn serial(&self, now: Timestamp) -> Serial {
        Serial { published: now, position: self.published, run: self.run }
    }

    /// Returns the messages after a place; `None` if some of them have been dropped, or if the place is another run's.
    pub(crate) fn after(&self, name: &str, place: Place) -> Option<Vec<Stored>> {
        let is_known = place.run == self.run && (self.gap..=self.published).contains(&place.position);
        let position = Some(place.position).filter(|_| is_known)?;
        let Some(channel) = self.channels.get(name) else {
            return (position >= self.dropped).then(Vec::new);
        };
        let is_whole = position >= channel.dropped.max(self.dropped) || position >= channel.last_position;
        is_whole.then(|| channel.messages.iter().filter(|stored| stored.place() > position).cloned().collect())
    }

    /// Notes that messages of other services may be missing on every channel: no place of a moment before is continued.
    pub(crate) fn note_gap(&mut self) {
        self.published = self.published.saturating_add(1);
        self.gap = self.published;
    }

    /// Returns the messages of `page`. If more follow, also returns the position after which the next page starts.
    pub(crate) fn history(&self, name: &str, page: &Page) -> (Vec<Stored>, Option<u64>) {
        let (kept, next) = page.of(self.channels.get(name).into_iter().flat_map(|channel| &channel.messages));
        (kept.into_iter().cloned().collect(), next)
    }
}

impl Channel {
    /// Returns approximately how many bytes of memory the channel uses, with its `name`.
    fn size(&self, name: &str) -> usize {
        self.bytes.saturating_add(size_of::<Self>()).saturating_add(name.len().saturating_mul(2))
    }

    /// Returns the stored message that is the same as this one.
    fn same_as(&self, message: &Message) -> Option<&Stored> {
        self.messages.iter().find(|stored| stored.message.is_same(message))
    }

    fn keep(&mut self, stored: Stored) {
        self.bytes = self.bytes.saturating_add(stored.bytes);
        self.messages.push_back(stored);
        while (self.messages.len() > MAX_MESSAGES || self.bytes > MAX_BYTES) && self.drop_first() {}
    }

    /// Drops the oldest message. Returns false if the channel has none.
    fn drop_first(&mut self) -> bool {
        let Some(oldest) = self.messages.pop_front() else {
            return false;
        };
        self.bytes = self.bytes.saturating_sub(oldest.bytes);
        self.dropped = oldest.place();
        true
    }
}

/// Returns the prefix of the ids of messages that are published together, if their publisher gave one: the first
/// message's id, without `:0`.
pub(crate) fn given_batch_id(messages: &[Message]) -> Option<String> {
    let id = messages.first().and_then(Message::id)?;
    Some(id.strip_suffix(":0").unwrap_or(id).to_owned())
}

/// Returns the prefix of the ids of messages that are published together: the given one, or a random one.
pub(crate) fn batch_id(messages: &[Message]) -> Result<String, Refusal> {
    match given_batch_id(messages) {
        Some(id) => Ok(id),
        None => Ok(URL_SAFE_NO_PAD.encode(random::bytes::<9>().map_err(|_| Refusal::internal())?)),
    }
}

/// The attachments and presence members of a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Occupancy {
    pub(crate) connections: usize,
    pub(crate) publishers: usize,
    pub(crate) subscribers: usize,
    pub(crate) presence_connections: usize,
    pub(crate) presence_subscribers: usize,
    pub(crate) presence_members: usize,
}

/// Returns the status of a channel (`CHD2`).
pub(crate) fn status(name: &str, occupancy: Occupancy) -> Value {
    let metrics = json!({
        "connections": occupancy.connections,
        "publishers": occupancy.publishers,
        "subscribers": occupancy.subscribers,
        "presenceConnections": occupancy.presence_connections,
        "presenceMembers": occupancy.presence_members,
        "presenceSubscribers": occupancy.presence_subscribers,
    });
    json!({ "channelId": name, "name": name, "status": { "isActive": true, "occupancy": { "metrics": metrics } } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::page::Direction;

    fn publish(channels: &mut Channels, name: &str, bytes: usize) {
        let message = format!(r#"{{"data":"{}"}}"#, "x".repeat(bytes));
        let messages = vec![serde_json::from_str(&message).unwrap()];
        channels.publish(name, messages, "batch", Timestamp::from_millis(1));
    }

    fn count(channels: &Channels, name: &str) -> usize {
        let (start, end) = (Timestamp::from_millis(0), Timestamp::from_millis(u64::MAX));
        let page = Page { start, end, direction: Direction::Forwards, limit: usize::MAX, after: None };
        channels.history(name, &page).0.len()
    }

    #[test]
    fn channel_keeps_latest_messages() {
        let mut channels = Channels::default();
        (0..300).for_each(|_| publish(&mut channels, "chat", 10));
        assert_eq!(count(&channels, "chat"), MAX_MESSAGES);
        (0..20).for_each(|_| publish(&mut channels, "chat", MAX_BYTES / 16));
        assert_eq!(count(&channels, "chat"), 15);
        assert!(channels.bytes() <= MAX_BYTES + 1_000);
    }

    #[test]
    fn gap_is_known_until_one_of_its_messages_is_dropped() {
        let mut channels = Channels::default();
        (0..10).for_each(|_| publish(&mut channels, "chat", 10));
        publish(&mut channels, "other", 10);
        let positions = |channels: &Channels, name: &str, after| {
            let place = Place { position: after, run: Run::default() };
            channels.after(name, place).map(|later| later.iter().map(Stored::place).collect::<Vec<_>>())
        };
        assert_eq!(positions(&channels, "chat", 8), Some(vec![9, 10]));
        assert_eq!((positions(&channels, "chat", 11), positions(&channels, "none", 3)), (Some(vec![]), Some(vec![])));
        assert_eq!(positions(&channels, "chat", 12), None, "a serial of the future is of another run");
        (0..MAX_MESSAGES).for_each(|_| publish(&mut channels, "chat", 10));
        assert_eq!(positions(&channels, "chat", 9), None);
        assert_eq!(positions(&channels, "chat", 10).map(|later| later.len()), Some(MAX_MESSAGES));
        while channels.drop_oldest(usize::MAX) {}
        assert_eq!((positions(&channels, "chat", 266), positions(&channels, "chat", 267)), (None, Some(vec![])));
    }

    #[test]
    fn least_recently_used_channel_makes_room() {
        let mut channels = Channels::default();
        (0..MAX_CHANNELS).for_each(|nth| publish(&mut channels, &nth.to_string(), 1));
        publish(&mut channels, "0", 1);
        publish(&mut channels, "new", 1);
        assert_eq!((count(&channels, "0"), count(&channels, "1"), count(&channels, "new")), (2, 0, 1));
    }

    #[test]
    fn byte_count_matches_kept_messages() {
        let mut channels = Channels::default();
        for nth in 0..1_000_usize {
            publish(&mut channels, &(nth % 7).to_string(), nth);
            if nth % 3 == 0 {
                channels.drop_oldest(nth);
            }
            let counted: usize = channels.channels.iter().map(|(name, channel)| channel.size(name)).sum();
            let summed = |channel: &Channel| channel.messages.iter().map(|stored| stored.bytes).sum::<usize>();
            assert!(channels.channels.values().all(|channel| channel.bytes == summed(channel)));
            assert_eq!(channels.bytes(), counted);
        }
        while channels.drop_oldest(usize::MAX) {}
        assert_eq!(channels.bytes(), 0);
    }
}
