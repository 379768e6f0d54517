//! Realtime events for the other services that share a store, and from them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use rmp::encode as write;
use serde::{Deserialize, Serialize};

use super::protocol::outbound;
use crate::channels::Stored;
use crate::channels::presence::PresentMember;
use crate::channels::relayed::{ReceivedMessage, RelayedMessages};
use crate::ops::metrics::{RelayCounts, add};
use crate::store::relay::MAX_EVENT;
use crate::store::{Pending, Relay, Relayed};
use crate::sync::lock;

/// The maximum nesting depth of an event. JSON that a client publishes has at most 128 levels.
const MAX_DEPTH: usize = 160;

/// An event to the other services.
#[derive(Debug, Serialize)]
pub(crate) enum Outgoing<'a> {
    /// The sender counts as present for `lasts` milliseconds more.
    Alive { lasts: u64 },
    /// The service ends soon.
    Leaving,
    /// The service `of` is asked for its presence members.
    Ask { of: u64 },
    /// The presence members of the service follow.
    Begin,
    /// All of them were sent.
    End,
    Messages {
        app: &'a str,
        channel: &'a str,
        /// The id under which the messages were published together.
        id: &'a str,
        /// The connection that published them, if there is one.
        publisher: Option<&'a str>,
        messages: RelayedMessages<'a>,
    },
    Presence {
        app: &'a str,
        channel: &'a str,
        /// True if the members are part of the answer to a question, and false if they enter, update or leave now.
        is_answer: bool,
        members: outbound::Members<'a>,
    },
}

/// An event of another service.
#[derive(Debug, Deserialize)]
pub(crate) enum Incoming {
    Alive {
        lasts: u64,
    },
    Leaving,
    Ask {
        of: u64,
    },
    Begin,
    End,
    Messages {
        app: Box<str>,
        channel: Box<str>,
        id: Box<str>,
        publisher: Option<Box<str>>,
        messages: Vec<ReceivedMessage>,
    },
    Presence {
        app: Box<str>,
        channel: Box<str>,
        is_answer: bool,
        members: Vec<PresentMember>,
    },
}

/// An event with its sender.
#[derive(Debug)]
pub(crate) struct Letter {
    /// The random id of the service.
    pub(crate) sender: u64,
    /// The number of the event: 1 for the first one of the service.
    pub(crate) number: u64,
    pub(crate) event: Incoming,
}

impl Letter {
    /// Reads an event; returns `None` if it is malformed.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = rmp_serde::Deserializer::from_read_ref(bytes);
        reader.set_max_depth(MAX_DEPTH);
        let (sender, number, event) = Deserialize::deserialize(&mut reader).ok()?;
        Some(Self { sender, number, event })
    }
}

/// The outbox of a service for the others: numbers its events and queues them.
#[derive(Debug)]
pub(crate) struct Outbox {
    relay: Arc<dyn Relay>,
    /// The random id of this service.
    pub(crate) id: u64,
    /// The number of the last event.
    sent: Mutex<u64>,
    /// True if no other service is known that would read what is published.
    is_alone: AtomicBool,
    pub(crate) counts: Arc<RelayCounts>,
}

impl Outbox {
    pub(crate) fn new(relay: Arc<dyn Relay>, id: u64, counts: Arc<RelayCounts>) -> Arc<Self> {
        Arc::new(Self { relay, id, sent: Mutex::default(), is_alone: AtomicBool::new(false), counts })
    }

    /// Queues an event. An event that does not fit is dropped; the others notice by the number of the next one.
    pub(crate) fn send(&self, event: &Outgoing<'_>) {
        // Serializing to memory fails only if a value refuses to be serialized, which none of these does.
        let content = rmp_serde::to_vec_named(event).unwrap_or_default();
        let mut bytes = Vec::with_capacity(content.len().saturating_add(HEAD_BYTES));
        // The lock is held until the event is queued, so that events are queued in the order of their numbers.
        let mut sent = lock(&self.sent);
        *sent = sent.saturating_add(1);
        let head = write::write_array_len(&mut bytes, 3)
            .and_then(|_| write::write_uint(&mut bytes, self.id))
            .and_then(|_| write::write_uint(&mut bytes, *sent));
        bytes.extend_from_slice(&content);
        if head.is_err() || bytes.len() > MAX_EVENT {
            add(&self.counts.too_large, 1);
        } else if self.relay.send(bytes) {
            add(&self.counts.sent, 1);
        } else {
            add(&self.counts.queue_full, 1);
        }
    }

    pub(crate) fn set_alone(&self, is_alone: bool) {
        self.is_alone.store(is_alone, Ordering::Relaxed);
    }

    pub(crate) fn receive(&self) -> Pending<Relayed> {
        self.relay.receive()
    }

    /// Waits until at least half of the queue is free.
    pub(crate) fn wait_for_room(&self) -> Pending<()> {
        self.relay.wait_for_room()
    }
}

/// The maximum length of the fields before the content of an event, in bytes.
const HEAD_BYTES: usize = 32;

/// The outbox of an app.
#[derive(Debug)]
pub(crate) struct AppOutbox {
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) app: Box<str>,
}

impl AppOutbox {
    /// Sends new messages of a channel.
    pub(crate) fn publish(&self, channel: &str, messages: &[Stored], id: &str, publisher: Option<&str>) {
        if messages.is_empty() || self.outbox.is_alone.load(Ordering::Relaxed) {
            return;
        }
        let messages = RelayedMessages(messages);
        self.outbox.send(&Outgoing::Messages { app: &self.app, channel, id, publisher, messages });
    }

    /// Sends presence members of a channel that enter, update or leave; or as part of an answer.
    pub(crate) fn send_presence(&self, channel: &str, members: &[PresentMember], is_answer: bool) {
        if members.is_empty() || self.outbox.is_alone.load(Ordering::Relaxed) {
            return;
        }
        let members = outbound::Members { members, has_bytes: true };
        self.outbox.send(&Outgoing::Presence { app: &self.app, channel, is_answer, members });
    }
}
