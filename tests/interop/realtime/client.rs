//! A client of a case: our connection, the channels that it attaches by protocol messages, and what it saw.

use std::time::Duration;

use ably_auth::ErrorInfo;
use ably_auth::connection::{Action, ConnectionSettings, Format, ProtocolMessage, RecoveryKey, Value as Data, flags};
use ably_auth_websocket::{Connection, ConnectionOptions, Event, Events};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::outbox::Outbox;
use super::proxy::Proxy;
use super::seen::{Channel, ChannelState, Watched};
use super::{App, Fault, Ids, Setting};

/// The channel of steps that name no other.
const CHANNEL: &str = "chat:room";

/// The modes, in the order in which they are listed.
pub(super) const MODES: [(&str, u64); 4] = [
    ("presence", flags::PRESENCE),
    ("presence_subscribe", flags::PRESENCE_SUBSCRIBE),
    ("publish", flags::PUBLISH),
    ("subscribe", flags::SUBSCRIBE),
];

pub(super) struct Client {
    pub(super) rest: ably_auth_reqwest::Client,
    /// `None` for a REST client.
    pub(super) realtime: Option<Realtime>,
    pub(super) proxy: Option<Proxy>,
    pub(super) seen: Watched,
    pub(super) ids: Ids,
    pub(super) format: Format,
    /// The number of events that steps have waited for.
    pub(super) waited: usize,
    /// The number of events that steps have listed.
    pub(super) listed: usize,
}

pub(super) struct Realtime {
    pub(super) connection: Connection,
    pub(super) outbox: Outbox,
    flushes: mpsc::UnboundedSender<oneshot::Sender<()>>,
}

impl Realtime {
    /// Waits until all events so far are noted.
    pub(super) async fn flush(&self) {
        let (done, is_done) = oneshot::channel();
        if self.flushes.send(done).is_ok() {
            // The task lives as long as the connection.
            let _ = is_done.await;
        }
    }
}

impl Client {
    /// Creates a client that is not connected. It recovers the connection of `lost`.
    pub(super) async fn new(
        setting: &Setting,
        app: &App,
        given: &Value,
        lost: Option<&Self>,
        ids: &Ids,
    ) -> Result<Self, Fault> {
        let proxy = if given["proxied"] == true { Some(Proxy::start(setting.port).await?) } else { None };
        let (seen, port) = (Watched::new(), proxy.as_ref().map_or(setting.port, |proxy| proxy.port));
        let rest = ably_auth_reqwest::Client::new(setting.options(app, given, port, &seen).await?)?;
        let format = match (setting.format, given["otherFormat"] == true) {
            (Format::Json, false) | (Format::MsgPack, true) => Format::Json,
            _ => Format::MsgPack,
        };
        let realtime = if given["rest"] == true {
            None
        } else {
            let settings = ConnectionSettings::new()
                .format(format)
                .echo(given["echo"] != false)
                .disconnected_retry_timeout(Duration::from_millis(200));
            let mut options = ConnectionOptions::new(rest.auth()).settings(settings).auto_connect(false);
            let recovery = lost.and_then(Self::recovery_key);
            let recovery = given["resume"].as_str().map(|key| RecoveryKey::new(key, 0, [("", ""); 0])).or(recovery);
            if let Some(key) = recovery {
                options = options.recover(key.to_text());
                seen.change(|seen| {
                    seen.next_serial = key.msg_serial();
                    let serial = key.channel_serial(CHANNEL).map(str::to_owned);
                    seen.channels.insert(CHANNEL.into(), Channel { serial, ..Channel::default() });
                });
            }
            let (connection, events) = Connection::open(options)?;
            let (flushes, asked) = mpsc::unbounded_channel();
            tokio::spawn(watch(connection.clone(), events, asked, seen.clone()));
            let outbox = Outbox::start(connection.clone(), seen.clone());
            Some(Realtime { connection, outbox, flushes })
        };
        Ok(Self { rest, realtime, proxy, seen, ids: Ids::clone(ids), format, waited: 0, listed: 0 })
    }

    pub(super) const fn is_rest(&self) -> bool {
        self.realtime.is_none()
    }

    fn recovery_key(&self) -> Option<RecoveryKey> {
        let (serial, channels) = self.seen.look(|seen| {
            let channels = seen.channels.iter();
            let serials = channels.filter_map(|(name, channel)| Some((name.clone(), channel.serial.clone()?)));
            (seen.next_serial, serials.collect::<Vec<_>>())
        });
        self.realtime.as_ref()?.connection.create_recovery_key(serial, channels)
    }

    pub(super) fn realtime(&self) -> Result<&Realtime, Fault> {
        self.realtime.as_ref().ok_or_else(|| "a REST client has no connection".into())
    }

    /// Attaches a channel, if it is not attached with the modes that `arg` asks for.
    pub(super) async fn attach(&self, arg: &Value, modes: &Value) -> Result<String, Fault> {
        let (connection, name) = (&self.realtime()?.connection, channel(arg));
        let asked = modes.as_array().map_or(0, |modes| flags_of(modes));
        self.seen.wait(|seen| seen.is_connected.then_some(())).await;
        let is_attached = self.seen.change(|seen| {
            let channel = seen.channels.entry(name.to_owned()).or_default();
            if channel.state == ChannelState::Attached && (asked == 0 || asked == channel.requested) {
                return true;
            }
            if asked != 0 {
                channel.requested = asked;
            }
            if let Some(params) = arg["params"].as_object() {
                let text = |value: &Value| Data::from(value.as_str().unwrap_or_default());
                channel.params = params.iter().map(|(name, value)| (name.clone(), text(value))).collect();
            }
            channel.state = ChannelState::Attaching;
            false
        });
        if is_attached {
            return Ok("attached".into());
        }
        connection.send(self.seen.look(|seen| attach_message(name, &seen.channels[name]))).await?;
        let outcome = self.seen.eventually(|seen| match &seen.channels[name] {
            Channel { state: ChannelState::Attached, .. } => Some(Ok("attached".to_owned())),
            Channel { state: ChannelState::Failed, error, .. } => Some(Err(error.clone())),
            _ => None,
        });
        outcome.await.unwrap_or_else(|| Ok("still attaching".into())).map_err(fault)
    }

    /// Publishes a protocol message, and waits for the answer of the service.
    pub(super) async fn acknowledged(&self, message: ProtocolMessage) -> Result<String, Fault> {
        let answer = self.realtime()?.outbox.send(message).await?;
        answer.map_or_else(|| Ok("ok".into()), |error| Err(fault(Some(error))))
    }
}

/// Returns an error of the service as a fault.
fn fault(error: Option<ErrorInfo>) -> Fault {
    match error {
        Some(error) => format!("{}/{}", error.code(), error.status_code()).into(),
        None => "an error without information".into(),
    }
}

/// Returns the name of a step's channel.
pub(super) fn channel(arg: &Value) -> &str {
    arg["channel"].as_str().unwrap_or(CHANNEL)
}

/// Returns modes as the flags of a protocol message.
fn flags_of(modes: &[Value]) -> u64 {
    let flag = |mode: &Value| MODES.iter().find(|(name, _)| mode == name).map_or(0, |(_, flag)| *flag);
    modes.iter().map(flag).sum()
}

fn attach_message(name: &str, channel: &Channel) -> ProtocolMessage {
    let mut attach = ProtocolMessage::new(Action::Attach).channel(name);
    if channel.requested != 0 {
        attach = attach.flags(channel.requested);
    }
    if !channel.params.is_empty() {
        attach = attach.params(channel.params.clone());
    }
    match &channel.serial {
        Some(serial) => attach.channel_serial(serial.clone()),
        None => attach,
    }
}

/// Notes what happens to a connection, and attaches its channels again after it was lost.
async fn watch(
    connection: Connection,
    mut events: Events,
    mut flushes: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
    seen: Watched,
) {
    loop {
        let event = tokio::select! {
            biased;
            Some(event) = events.next() => event,
            Some(done) = flushes.recv() => {
                // The step may have given up.
                let _ = done.send(());
                continue;
            }
            else => return,
        };
        match event {
            Event::Change(change) => {
                for name in seen.change(|seen| seen.changed(&change)) {
                    // If the connection is lost again, the channel is attached after that.
                    let _ = connection.send(seen.look(|seen| attach_message(&name, &seen.channels[&name]))).await;
                }
            }
            Event::Message(message) => seen.change(|seen| seen.received(&message)),
            _ => {}
        }
    }
}
