//! The realtime chapter of the demo: a tablet keeps a connection, over a revocation.

use std::time::Duration;

use ably_auth::{ClientId, Error, ErrorCode};
use ably_auth_websocket::{
    Action, Connection, ConnectionEvent, ConnectionOptions, ConnectionState, Event, Events, Format, ProtocolMessage,
    Value,
};
use tokio::time::timeout;

use super::scene::{Desktop, Scene, message, revoke};
use super::timeline::Timeline;

/// The time after which a step has failed.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Plays the steps of the tablet. `backend` publishes and revokes.
pub(super) async fn play(scene: &Scene<'_>, backend: &Desktop, timeline: &mut Timeline) -> Result<(), Error> {
    let tablet = scene.phone(None)?;
    let (connection, events) = Connection::open(ConnectionOptions::new(&tablet).format(Format::Json))?;
    let mut tablet = Tablet { connection, events, notes: Vec::new() };

    let attached = tablet.attach("chat:lobby").await;
    tablet.step(timeline, "The tablet (realtime) opens a connection with a token, and attaches to a channel", attached);
    let sent = backend.request(message("chat:lobby", "to everyone")?);
    let received = match sent {
        Ok(_) => tablet.receive().await,
        Err(error) => Err(error.to_string()),
    };
    tablet.step(timeline, "The backend publishes over REST, and the tablet receives it", received);
    let refused = tablet.attach("vault").await;
    let refused = match refused {
        Err(text) if text.contains(&ErrorCode::CAPABILITY_REFUSED.to_string()) => {
            Ok(format!("refused as expected: {text}"))
        }
        Err(text) | Ok(text) => Err(text),
    };
    tablet.step(timeline, "The tablet tries to attach to a channel that is not permitted", refused);
    revoke(backend, timeline);
    let back = tablet.reconnect().await;
    tablet.step(timeline, "The service ends the connection; the tablet renews its token, and resumes", back);
    let attached = tablet.attach("chat:lobby").await;
    tablet.step(timeline, "The tablet attaches again", attached);
    tablet.connection.close().await;
    Ok(())
}

struct Tablet {
    connection: Connection,
    events: Events,
    /// The states since the last step.
    notes: Vec<String>,
}

impl Tablet {
    fn step(&mut self, timeline: &mut Timeline, title: &str, outcome: Result<String, String>) {
        timeline.step(title, &std::mem::take(&mut self.notes), outcome);
    }

    /// Waits for the next event, and notes a change.
    async fn next(&mut self) -> Result<Event, String> {
        let event = timeout(TIMEOUT, self.events.next()).await.ok().flatten().ok_or("nothing happened in time")?;
        if let Event::Change(change) = &event {
            let reason = change.reason().map(|reason| format!(": {}", reason.message())).unwrap_or_default();
            self.notes.push(format!("{}{reason}", change.current()));
        }
        Ok(event)
    }

    async fn attach(&mut self, channel: &str) -> Result<String, String> {
        self.connection.connect().await.map_err(|error| error.to_string())?;
        let attach = ProtocolMessage::new(Action::Attach).channel(channel);
        self.connection.send(attach).await.map_err(|error| error.to_string())?;
        loop {
            let Event::Message(answer) = self.next().await? else { continue };
            match (answer.action(), answer.get_error()) {
                (Action::Attached, _) => return Ok(format!("attached to `{channel}` as `{}`", self.client_id())),
                (Action::Error, Some(error)) => return Err(error.to_string()),
                _ => {}
            }
        }
    }

    fn client_id(&self) -> String {
        match self.connection.client_id() {
            ClientId::Identified(identity) => identity.to_string(),
            ClientId::None | ClientId::Any => "a client without a clientId".into(),
        }
    }

    async fn receive(&mut self) -> Result<String, String> {
        loop {
            let Event::Message(message) = self.next().await? else { continue };
            let data = message.get_messages().iter().find_map(|message| message.get("data").and_then(Value::as_str));
            if let Some(data) = data.filter(|_| message.action() == Action::Message) {
                return Ok(format!("received: {data}"));
            }
        }
    }

    /// Waits until the connection was lost because of the revocation, and is open again.
    async fn reconnect(&mut self) -> Result<String, String> {
        let mut was_revoked = false;
        loop {
            let Event::Change(change) = self.next().await? else { continue };
            was_revoked |= change.reason().is_some_and(|reason| reason.code() == ErrorCode::TOKEN_REVOKED);
            if was_revoked && change.event() == ConnectionEvent::State(ConnectionState::Connected) {
                return Ok(format!("connected again with a new token, resumed: {}", change.is_resumed()));
            }
        }
    }
}
