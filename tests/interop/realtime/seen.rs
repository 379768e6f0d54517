//! The record of a client. Steps that wait look at it after each change.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use ably_auth::ErrorInfo;
use ably_auth::connection::flags;
use ably_auth::connection::{Action, ConnectionEvent, ConnectionState, ConnectionStateChange, ProtocolMessage, Value};
use tokio::sync::watch;
use tokio::time::timeout;

use super::data;

/// A step that has to wait gives up after this time. Its line then differs from the one that the case expects.
pub(super) const PATIENCE: Duration = Duration::from_secs(12);

/// The actions of presence messages.
const ACTIONS: [&str; 5] = ["absent", "present", "enter", "leave", "update"];

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum ChannelState {
    #[default]
    Initialized,
    Attaching,
    Attached,
    Detached,
    Failed,
}

impl ChannelState {
    pub(super) fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

#[derive(Default)]
pub(super) struct Channel {
    pub(super) state: ChannelState,
    pub(super) error: Option<ErrorInfo>,
    /// The modes to request, as flags; 0 for the default.
    pub(super) requested: u64,
    pub(super) params: Vec<(String, Value)>,
    /// The modes that the service has granted, as flags.
    pub(super) granted: u64,
    pub(super) serial: Option<String>,
    pub(super) is_subscribed: bool,
    pub(super) is_watched: bool,
    pub(super) is_syncing: bool,
    /// The presence members, by connection and clientId.
    pub(super) members: BTreeMap<(String, String), Value>,
}

#[derive(Default)]
pub(super) struct Seen {
    pub(super) calls: usize,
    pub(super) events: Vec<(String, Option<ErrorInfo>)>,
    pub(super) inbox: VecDeque<Value>,
    pub(super) presence: VecDeque<Value>,
    pub(super) attachments: VecDeque<&'static str>,
    pub(super) channels: BTreeMap<String, Channel>,
    pub(super) is_connected: bool,
    /// The number of times that the connection was connected.
    pub(super) session: u64,
    pub(super) next_serial: u64,
    /// The serials in use are those of this session and the ones that it resumed.
    pub(super) serials_since: u64,
    /// The answers of the service, by `msgSerial`.
    pub(super) answers: BTreeMap<u64, Option<ErrorInfo>>,
}

/// The record of a client, and its changes.
#[derive(Clone)]
pub(super) struct Watched(watch::Sender<Seen>);

impl Watched {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(Seen::default()))
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Seen) -> T) -> T {
        let mut result = None;
        self.0.send_modify(|seen| result = Some(change(seen)));
        result.expect("the change was made")
    }

    pub(super) fn look<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.0.borrow())
    }

    /// Waits until `look` finds something.
    pub(super) async fn wait<T>(&self, mut look: impl FnMut(&Seen) -> Option<T>) -> T {
        let mut changes = self.0.subscribe();
        loop {
            if let Some(found) = look(&changes.borrow_and_update()) {
                return found;
            }
            // The sender lives as long as `self`.
            let _ = changes.changed().await;
        }
    }

    /// Waits until `look` finds something, for as long as a step may wait.
    pub(super) async fn eventually<T>(&self, look: impl FnMut(&Seen) -> Option<T>) -> Option<T> {
        timeout(PATIENCE, self.wait(look)).await.ok()
    }

    /// Takes `count` things of a list, or those that there are.
    pub(super) async fn take<T>(
        &self,
        count: usize,
        list: fn(&mut Seen) -> &mut VecDeque<T>,
        len: fn(&Seen) -> usize,
    ) -> Vec<T> {
        self.eventually(|seen| (len(seen) >= count).then_some(())).await;
        self.change(|seen| {
            let list = list(seen);
            list.drain(..count.min(list.len())).collect()
        })
    }
}

impl Seen {
    /// Notes a change of the connection. Returns the channels to attach again.
    pub(super) fn changed(&mut self, change: &ConnectionStateChange) -> Vec<String> {
        let name = match change.event() {
            ConnectionEvent::Update => "update".to_owned(),
            ConnectionEvent::State(state) => state.to_string(),
        };
        self.events.push((name, change.reason().cloned()));
        self.is_connected = change.current() == ConnectionState::Connected;
        if change.event() == ConnectionEvent::State(ConnectionState::Connected) {
            self.session += 1;
            if !change.is_resumed() {
                (self.next_serial, self.serials_since) = (0, self.session);
                self.answers.clear();
            }
            let again = self.channels.iter_mut().filter(|(_, channel)| channel.state == ChannelState::Attached);
            return again
                .map(|(name, channel)| {
                    channel.state = ChannelState::Attaching;
                    name.clone()
                })
                .collect();
        }
        Vec::new()
    }

    pub(super) fn received(&mut self, message: &ProtocolMessage) {
        if matches!(message.action(), Action::Ack | Action::Nack) {
            let first = message.get_msg_serial().unwrap_or_default();
            for serial in first..first + message.get_count().unwrap_or(1) {
                self.answers.insert(serial, message.get_error().cloned());
            }
        }
        let Some(name) = message.get_channel() else { return };
        let channel = self.channels.entry(name.to_owned()).or_default();
        if let Some(serial) = message.get_channel_serial() {
            if message.action() != Action::Sync {
                channel.serial = Some(serial.to_owned());
            }
        }
        match message.action() {
            Action::Attached => {
                let flags = message.get_flags();
                channel.state = ChannelState::Attached;
                channel.granted = flags;
                channel.error = message.get_error().cloned();
                channel.is_syncing = flags & flags::HAS_PRESENCE != 0;
                channel.members.clear();
                let resumed = flags & flags::RESUMED != 0;
                self.attachments.push_back(if resumed { "resumed" } else { "new" });
            }
            Action::Detached => {
                channel.state =
                    if message.get_error().is_some() { ChannelState::Failed } else { ChannelState::Detached };
                channel.error = message.get_error().cloned();
            }
            Action::Error => {
                channel.state = ChannelState::Failed;
                channel.error = message.get_error().cloned();
            }
            Action::Message if channel.is_subscribed => {
                let messages = message.get_messages().iter().cloned();
                self.inbox.extend(messages.map(|mut each| {
                    data::decode(&mut each);
                    each
                }));
            }
            Action::Presence | Action::Sync => {
                for each in message.get_presence() {
                    let mut each = each.clone();
                    data::decode(&mut each);
                    channel.present(&each, message.get_connection_id());
                    if channel.is_watched {
                        self.presence.push_back(each);
                    }
                }
                let is_last =
                    message.get_channel_serial().is_none_or(|serial| serial.ends_with(':') || !serial.contains(':'));
                if message.action() == Action::Sync && is_last {
                    channel.is_syncing = false;
                }
            }
            _ => {}
        }
    }
}

impl Channel {
    fn present(&mut self, message: &Value, connection: Option<&str>) {
        let text = |name: &str| message.get(name).and_then(Value::as_str);
        let connection = text("connectionId").or(connection).unwrap_or_default();
        let member = (connection.to_owned(), text("clientId").unwrap_or_default().to_owned());
        match action(message) {
            "leave" | "absent" => drop(self.members.remove(&member)),
            _ => drop(self.members.insert(member, message.get("data").cloned().unwrap_or_default())),
        }
    }
}

/// Returns the name of a presence message's action.
pub(super) fn action(message: &Value) -> &'static str {
    let number = message.get("action").and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok());
    number.and_then(|number| ACTIONS.get(number).copied()).unwrap_or("?")
}
