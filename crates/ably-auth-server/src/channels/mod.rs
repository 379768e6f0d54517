//! Channels: just enough of them that a token's rights can be tried.

mod data;
mod message;

pub(crate) use message::Message;

use std::collections::{HashMap, VecDeque};

use ably_auth_core::Timestamp;
use serde_json::{Value, json};

use crate::page::{Page, Positioned};

const MAX_CHANNELS: usize = 256;
const MAX_MESSAGES: usize = 256;
/// Of the bodies that brought a channel's messages.
const MAX_BYTES: usize = 1024 * 1024;

/// The channels of an app on which something was published, the least recently used of which make room for new ones.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    channels: HashMap<Box<str>, Channel>,
    /// How many messages were published, on all channels.
    published: u64,
}

#[derive(Debug, Default)]
struct Channel {
    messages: VecDeque<Kept>,
    bytes: usize,
    last_position: u64,
}

#[derive(Debug)]
struct Kept {
    position: u64,
    published: Timestamp,
    bytes: usize,
    message: Message,
}

impl Positioned for &Kept {
    fn position(&self) -> u64 {
        self.position
    }

    fn moment(&self) -> Timestamp {
        self.published
    }
}

impl Channels {
    /// Keeps messages that came in a body of so many bytes, and gives their serials. Those without an id get one that
    /// begins with `batch`.
    pub(crate) fn publish(
        &mut self,
        name: &str,
        messages: Vec<Message>,
        batch: &str,
        bytes: usize,
        now: Timestamp,
    ) -> Vec<String> {
        self.make_room(name);
        let channel = self.channels.entry(name.into()).or_default();
        let bytes = bytes.checked_div(messages.len()).unwrap_or(bytes);
        let serials = messages
            .into_iter()
            .enumerate()
            .map(|(nth, message)| {
                self.published = self.published.saturating_add(1);
                let position = self.published;
                let serial = format!("{:014}-{position:012}", now.as_millis());
                let message = message.published(format!("{batch}:{nth}"), serial.clone(), now);
                channel.keep(Kept { position, published: now, bytes, message });
                serial
            })
            .collect();
        channel.last_position = self.published;
        serials
    }

    fn make_room(&mut self, name: &str) {
        if self.channels.len() < MAX_CHANNELS || self.channels.contains_key(name) {
            return;
        }
        let oldest =
            self.channels.iter().min_by_key(|(_, channel)| channel.last_position).map(|(name, _)| name.clone());
        if let Some(oldest) = oldest {
            self.channels.remove(&oldest);
        }
    }

    /// As many names as asked for of those that begin so and come after that one, in order, and whether there are more.
    pub(crate) fn names(&self, prefix: &str, after: Option<&str>, limit: usize) -> (Vec<String>, bool) {
        let is_ahead = |name: &&str| name.starts_with(prefix) && after.is_none_or(|after| *name > after);
        let mut names: Vec<_> = self.channels.keys().map(|name| &**name).filter(is_ahead).collect();
        names.sort_unstable();
        let more = names.len() > limit;
        names.truncate(limit);
        (names.into_iter().map(Into::into).collect(), more)
    }

    pub(crate) fn history(&self, name: &str, page: &Page) -> (Vec<Message>, Option<u64>) {
        let (kept, next) = page.of(self.channels.get(name).into_iter().flat_map(|channel| &channel.messages));
        (kept.into_iter().map(|kept| kept.message.clone()).collect(), next)
    }
}

impl Channel {
    fn keep(&mut self, kept: Kept) {
        self.bytes = self.bytes.saturating_add(kept.bytes);
        self.messages.push_back(kept);
        while self.messages.len() > MAX_MESSAGES || self.bytes > MAX_BYTES {
            let Some(oldest) = self.messages.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(oldest.bytes);
        }
    }
}

/// A channel's status. Nobody is ever connected here.
pub(crate) fn status(name: &str) -> Value {
    let counted =
        ["connections", "presenceConnections", "presenceMembers", "presenceSubscribers", "publishers", "subscribers"];
    let metrics: serde_json::Map<_, _> = counted.iter().map(|&name| (name.into(), 0.into())).collect();
    json!({ "channelId": name, "name": name, "status": { "isActive": true, "occupancy": { "metrics": metrics } } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Direction;

    fn publish(channels: &mut Channels, name: &str, bytes: usize) {
        channels.publish(name, vec![Message::default()], "batch", bytes, Timestamp::from_millis(1));
    }

    fn count(channels: &Channels, name: &str) -> usize {
        let (start, end) = (Timestamp::from_millis(0), Timestamp::from_millis(u64::MAX));
        let page = Page { start, end, direction: Direction::Forwards, limit: usize::MAX, after: None };
        channels.history(name, &page).0.len()
    }

    #[test]
    fn a_channel_keeps_the_latest_messages() {
        let mut channels = Channels::default();
        (0..300).for_each(|_| publish(&mut channels, "chat", 10));
        assert_eq!(count(&channels, "chat"), MAX_MESSAGES);
        (0..20).for_each(|_| publish(&mut channels, "chat", MAX_BYTES / 16));
        assert_eq!(count(&channels, "chat"), 16);
    }

    #[test]
    fn the_least_recently_used_channel_makes_room() {
        let mut channels = Channels::default();
        (0..MAX_CHANNELS).for_each(|nth| publish(&mut channels, &nth.to_string(), 1));
        publish(&mut channels, "0", 1);
        publish(&mut channels, "new", 1);
        assert_eq!((count(&channels, "0"), count(&channels, "1"), count(&channels, "new")), (2, 0, 1));
    }
}
