//! The state of an app in memory: its channels, its attachments and its share of the budgets.

use std::sync::{Arc, Mutex, RwLock};

use ably_auth_core::Timestamp;

use crate::channels::presence::PresentMember;
use crate::channels::stats::Stats;
use crate::channels::{Channels, Message, Publication};
use crate::limits::budget::{Budget, Share};
use crate::live::attachments::Attachments;
use crate::live::relay::AppOutbox;
use crate::sync;
use crate::sync::lock;
use crate::token::Sealer;

/// The state of an app that stays the same when its keys change.
#[derive(Debug)]
pub(crate) struct AppMemory {
    /// True if the app is part of the app configuration.
    pub(crate) is_listed: bool,
    pub(super) sealer: RwLock<Arc<Sealer>>,
    pub(crate) channels: Mutex<Channels>,
    /// The attachments of realtime connections. Lock `channels` first if both are needed.
    pub(crate) attachments: Mutex<Attachments>,
    /// The budget for the app's realtime connections.
    pub(crate) realtime: Arc<Budget>,
    /// The part of the history budget that the app's channels use.
    pub(super) history: Share,
    /// The budget for large responses in flight to holders of the app's keys and tokens.
    pub(crate) answers: Arc<Budget>,
    pub(crate) stats: Mutex<Stats>,
    /// The events for other services, if the store has a relay.
    pub(super) outbox: Option<AppOutbox>,
}

impl AppMemory {
    /// Returns the sealer with the current secrets.
    pub(crate) fn sealer(&self) -> Arc<Sealer> {
        Arc::clone(&sync::read(&self.sealer))
    }

    /// Stores messages of a channel, and sends them to its attachments. `publisher` is the connection that published
    /// them, if there is one.
    pub(crate) fn publish(
        &self,
        name: &str,
        messages: Vec<Message>,
        batch: &str,
        publisher: Option<&str>,
        now: Timestamp,
    ) -> Publication {
        let mut channels = lock(&self.channels);
        let published = channels.publish(name, messages, batch, now);
        self.history.set(channels.bytes());
        lock(&self.attachments).deliver(name, &published.new, batch, publisher, now);
        if let Some(outbox) = &self.outbox {
            outbox.publish(name, &published.new, batch, publisher);
        }
        published
    }

    /// Stores messages of a channel that were published at another service, and sends them to the attachments here.
    pub(crate) fn receive(
        &self,
        name: &str,
        messages: Vec<(Timestamp, Message)>,
        batch: &str,
        publisher: Option<&str>,
        now: Timestamp,
    ) {
        let mut channels = lock(&self.channels);
        let new = channels.receive(name, messages);
        self.history.set(channels.bytes());
        lock(&self.attachments).deliver(name, &new, batch, publisher, now);
    }

    /// Sends presence members to the other services: an event, or part of an answer. The caller has locked
    /// `attachments`, so that the events have the order of the changes.
    pub(crate) fn relay_presence(&self, channel: &str, members: &[PresentMember], is_answer: bool) {
        if let Some(outbox) = &self.outbox {
            outbox.send_presence(channel, members, is_answer);
        }
    }

    /// Drops the oldest messages of one channel until `bytes` are free or none are left. Returns false if the app has
    /// none.
    pub(super) fn drop_oldest_messages(&self, bytes: usize) -> bool {
        let mut channels = lock(&self.channels);
        let dropped = channels.drop_oldest(bytes);
        self.history.set(channels.bytes());
        dropped
    }
}
