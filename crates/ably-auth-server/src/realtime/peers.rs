//! The other services that share the store, and their presence members.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::channels::presence::{PresenceAction, PresentMember};
use crate::channels::relayed::ReceivedMessage;
use crate::limits::budget::Permit;
use crate::live::relay::{Incoming, Letter, Outbox, Outgoing};
use crate::ops::metrics::add;
use crate::state::State;
use crate::sync::lock;

/// The maximum number of other services.
const MAX_PEERS: usize = 256;

/// The time for which a service counts as present if it announced no time.
const DEFAULT_LIFE: Duration = Duration::from_secs(30);

/// The maximum time that a service may announce.
const MAX_LIFE: Duration = Duration::from_secs(3_600);

/// The time after which a service is asked again for its members.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// The time without another service after which nothing is sent to others, until one announces itself. It is twice the
/// longest interval at which a service does.
const ALONE_AFTER: Duration = Duration::from_secs(10);

/// The bytes that a member of another service uses, in addition to its content and three times its names.
const MEMBER_BYTES: usize = 256;

/// The connection and the client of a member.
type Name = (Arc<str>, Box<str>);

/// A channel of an app.
type Place = (Box<str>, Box<str>);

/// The other services that share the store.
pub(super) struct Peers {
    state: Arc<State>,
    outbox: Arc<Outbox>,
    peers: HashMap<u64, Peer>,
    /// The moment since which events of others arrive, if they do.
    connected: Option<Duration>,
    /// True if another service asked for the members of this one.
    pub(super) is_asked: bool,
}

struct Peer {
    /// The time for which the service counts as present after an event.
    life: Duration,
    /// The moment at which it counts as gone.
    until: Duration,
    /// True if it said that it ends.
    is_leaving: bool,
    /// The number of its last event.
    number: u64,
    /// True if members may be missing, or may have left.
    is_incomplete: bool,
    /// The moment at which it was asked for its members.
    asked: Option<Duration>,
    /// The number of the event with which its answer began, if it has not ended.
    answer: Option<u64>,
    members: HashMap<Place, BTreeMap<Name, Known>>,
}

/// A member of another service.
struct Known {
    /// The number of the last event that confirms the member.
    confirmed: u64,
    _memory: Permit,
}

impl Peer {
    fn new(now: Duration) -> Self {
        Self {
            life: DEFAULT_LIFE,
            until: now.saturating_add(DEFAULT_LIFE),
            is_leaving: false,
            number: 0,
            is_incomplete: true,
            asked: None,
            answer: None,
            members: HashMap::new(),
        }
    }
}

impl Peers {
    pub(super) fn new(state: Arc<State>, outbox: Arc<Outbox>) -> Self {
        Self { state, outbox, peers: HashMap::new(), connected: None, is_asked: false }
    }

    /// Notes that events of others arrive from now on.
    pub(super) fn connect(&mut self, now: Duration) {
        self.connected = Some(now);
        if !self.peers.is_empty() {
            self.note_gap();
        }
        for peer in self.peers.values_mut() {
            peer.is_incomplete = true;
            // The service may have sent events that did not arrive.
            peer.until = now.saturating_add(peer.life);
        }
    }

    /// Notes that events of others do not arrive any more.
    pub(super) fn disconnect(&mut self) {
        self.connected = None;
        self.outbox.set_alone(false);
    }

    pub(super) const fn is_connected(&self) -> bool {
        self.connected.is_some()
    }

    /// Handles an event.
    pub(super) fn receive(&mut self, letter: Letter, now: Duration) {
        let Letter { sender, number, event } = letter;
        if sender == self.outbox.id {
            return;
        }
        if self.peers.len() >= MAX_PEERS && !self.peers.contains_key(&sender) {
            return add(&self.outbox.counts.no_room, 1);
        }
        let peer = self.peers.entry(sender).or_insert_with(|| Peer::new(now));
        let is_new = peer.number == 0;
        if number <= peer.number {
            // It was sent again because Redis had not confirmed it.
            return;
        }
        let missed = number.saturating_sub(peer.number).saturating_sub(1);
        peer.number = number;
        if !peer.is_leaving {
            peer.until = now.saturating_add(peer.life);
        }
        add(&self.outbox.counts.received, 1);
        if missed > 0 {
            peer.is_incomplete = true;
            peer.answer = None;
            self.note_gap();
        }
        if is_new {
            self.outbox.set_alone(false);
            self.count();
        } else {
            add(&self.outbox.counts.missed, missed);
        }
        self.apply(sender, number, event, now);
    }

    fn apply(&mut self, sender: u64, number: u64, event: Incoming, now: Duration) {
        let Some(peer) = self.peers.get_mut(&sender) else {
            return;
        };
        match event {
            Incoming::Alive { lasts } => {
                peer.life = Duration::from_millis(lasts).min(MAX_LIFE);
                peer.until = now.saturating_add(peer.life);
            }
            Incoming::Leaving => {
                peer.is_leaving = true;
                // As for connections that are lost, their clients may connect to another service meanwhile.
                peer.until = now.saturating_add(self.state.limits.presence_grace);
            }
            Incoming::Ask { of } => self.is_asked |= of == self.outbox.id,
            Incoming::Begin => peer.answer = Some(number),
            Incoming::End => {
                if let Some(began) = peer.answer.take() {
                    peer.is_incomplete = false;
                    self.remove_members(sender, |known| known.confirmed < began);
                }
            }
            Incoming::Messages { app, channel, id, publisher, messages } => {
                self.publish(&app, &channel, &id, publisher.as_deref(), messages);
            }
            Incoming::Presence { app, channel, is_answer, members } => {
                self.apply_presence(sender, number, &(app, channel), members, is_answer);
            }
        }
    }

    /// Handles the passage of time.
    pub(super) fn tick(&mut self, now: Duration) {
        let Some(connected) = self.connected else {
            return;
        };
        let is_alone = self.peers.is_empty() && now.saturating_sub(connected) >= ALONE_AFTER;
        self.outbox.set_alone(is_alone);
        let gone: Vec<_> = self.peers.iter().filter(|(_, peer)| peer.until <= now).map(|(id, _)| *id).collect();
        for id in gone {
            self.remove_members(id, |_| true);
            self.peers.remove(&id);
            self.count();
        }
        for (id, peer) in &mut self.peers {
            let may_ask = peer.asked.is_none_or(|asked| now.saturating_sub(asked) >= ASK_AGAIN);
            if peer.is_incomplete && peer.answer.is_none() && may_ask && !peer.is_leaving {
                peer.asked = Some(now);
                self.outbox.send(&Outgoing::Ask { of: *id });
            }
        }
    }

    /// Updates the number of other services.
    fn count(&self) {
        let count = u64::try_from(self.peers.len()).unwrap_or(u64::MAX);
        self.outbox.counts.services.store(count, Ordering::Relaxed);
    }

    /// Notes that messages may be missing on all channels, so that clients that connect again do not take the rest for
    /// all.
    fn note_gap(&self) {
        self.state.registry.all().iter().for_each(|app| lock(&app.memory.channels).note_gap());
    }

    fn publish(&self, app: &str, channel: &str, id: &str, publisher: Option<&str>, messages: Vec<ReceivedMessage>) {
        let Some(app) = self.state.registry.app(app) else {
            return;
        };
        let count = messages.len();
        let messages: Vec<_> = messages.into_iter().filter_map(|message| message.into_message(publisher)).collect();
        if messages.len() < count || count == 0 {
            return add(&self.outbox.counts.malformed, 1);
        }
        app.memory.receive(channel, messages, id, publisher, self.state.clock.now());
        self.state.registry.make_room_for_history();
    }

    fn apply_presence(
        &mut self,
        sender: u64,
        number: u64,
        place: &Place,
        members: Vec<PresentMember>,
        is_answer: bool,
    ) {
        let (Some(peer), Some(app)) = (self.peers.get_mut(&sender), self.state.registry.app(&place.0)) else {
            return;
        };
        let (memory, channel) = (&app.memory, &*place.1);
        let known = peer.members.entry(place.clone()).or_default();
        let serial = lock(&memory.channels).serial(self.state.clock.now()).to_string();
        let mut attachments = lock(&memory.attachments);
        let present = attachments.members(channel);
        let (mut count, mut bytes) = present.map_or((0, 0), |members| (members.len(), members.bytes()));
        let mut changed = Vec::new();
        for mut member in members {
            let name = (Arc::clone(&member.connection_id), member.client_id.clone());
            let before = present.and_then(|members| members.get(&name.0, &name.1));
            if before.is_some_and(|before| before.is_local) {
                continue;
            }
            if member.action == PresenceAction::Leave {
                if known.remove(&name).is_some() {
                    changed.push(member);
                }
                continue;
            }
            if let Some(known) = known.get_mut(&name).filter(|_| before.is_some_and(|it| it.is_same_message(&member))) {
                known.confirmed = number;
                continue;
            }
            count = count.saturating_add(usize::from(before.is_none()));
            bytes = bytes.saturating_add(member.size()).saturating_sub(before.map_or(0, PresentMember::size));
            let limits = &self.state.limits;
            let fits = count <= limits.presence_members && bytes <= limits.presence_bytes();
            let names = [&*place.0, channel, &name.0, &name.1].map(str::len).into_iter().fold(0, usize::saturating_add);
            let needed = MEMBER_BYTES.saturating_add(names.saturating_mul(3)).saturating_add(member.size());
            let memory = Permit::take(needed, [&self.state.realtime, &memory.realtime]).filter(|_| fits);
            let Some(memory) = memory else {
                add(&self.outbox.counts.no_room, 1);
                continue;
            };
            known.insert(name, Known { confirmed: number, _memory: memory });
            if is_answer {
                member.action = if before.is_none() { PresenceAction::Enter } else { PresenceAction::Update };
            }
            changed.push(member);
        }
        if !changed.is_empty() {
            attachments.apply_presence(channel, &changed, &serial);
        }
        drop(attachments);
        if known.is_empty() {
            peer.members.remove(place);
        }
    }

    /// Lets members of a service leave.
    fn remove_members(&mut self, id: u64, is_gone: impl Fn(&Known) -> bool) {
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        let now = self.state.clock.now();
        for (place, members) in &mut peer.members {
            let mut gone = Vec::new();
            members.retain(|name, known| {
                let is_gone = is_gone(known);
                if is_gone {
                    gone.push(name.clone());
                }
                !is_gone
            });
            let Some(app) = self.state.registry.app(&place.0).filter(|_| !gone.is_empty()) else {
                continue;
            };
            let serial = lock(&app.memory.channels).serial(now).to_string();
            let mut attachments = lock(&app.memory.attachments);
            let present = attachments.members(&place.1);
            let left: Vec<_> = gone
                .iter()
                .filter_map(|(connection_id, client_id)| present?.get(connection_id, client_id))
                .map(|member| member.left(now.as_millis(), now))
                .collect();
            if !left.is_empty() {
                attachments.apply_presence(&place.1, &left, &serial);
            }
        }
        peer.members.retain(|_, members| !members.is_empty());
    }
}
