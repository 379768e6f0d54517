//! The lines about a connection: text, or JSON with `--json`.

use ably_auth::ErrorInfo;
use ably_auth_websocket::{
    Action, ConnectionEvent, ConnectionState, ConnectionStateChange, Event, ProtocolMessage, Value, flags,
};
use serde_json::{Map, json};

use crate::clock::Stopwatch;
use crate::draw::printable;
use crate::hide::without_secrets;
use crate::output;

/// The modes of an attachment, by their flags.
const MODES: [(u64, &str); 4] = [
    (flags::PUBLISH, "publish"),
    (flags::SUBSCRIBE, "subscribe"),
    (flags::PRESENCE, "presence"),
    (flags::PRESENCE_SUBSCRIBE, "presence_subscribe"),
];

pub(super) struct Report {
    pub(super) json: bool,
    pub(super) watch: Stopwatch,
}

/// A line: the event, its facts, and the error if there is one.
struct Line<'a> {
    event: String,
    facts: Vec<(&'static str, serde_json::Value)>,
    reason: Option<&'a ErrorInfo>,
}

impl Report {
    /// Prints an event. A MESSAGE or PRESENCE has a line for each message within.
    pub(super) fn print(&self, event: &Event) {
        match event {
            Event::Change(change) => self.print_line(of_change(change)),
            Event::Message(message) => of_message(message).into_iter().for_each(|line| self.print_line(line)),
            _ => {}
        }
    }

    fn print_line(&self, line: Line<'_>) {
        let seconds = (self.watch.elapsed().as_secs_f64() * 1e3).round() / 1e3;
        let facts = line.facts.into_iter().filter(|(_, value)| !value.is_null());
        if self.json {
            let mut object =
                Map::from_iter([("at".to_owned(), json!(seconds)), ("event".to_owned(), json!(line.event))]);
            object.extend(facts.map(|(name, value)| (name.to_owned(), value)));
            if let Some(reason) = line.reason {
                object.insert("reason".to_owned(), json!(reason));
            }
            output::line(&without_secrets(&serde_json::Value::Object(object).to_string()));
            return;
        }
        let shown = |value: serde_json::Value| match value {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        let facts = facts.map(|(name, value)| match (name, printable(&shown(value))) {
            ("retryInSeconds", seconds) => format!("next attempt in {seconds} s"),
            (name, value) => format!("{name} {value}"),
        });
        let facts: Vec<_> = facts.collect();
        output::line(format!("{seconds:>9.3} s  {:<12} {}", line.event, facts.join(" · ")).trim_end());
        let mut reason = line.reason;
        while let Some(error) = reason {
            output::line(&format!("{:>25}{}", "", printable(&without_secrets(&error.to_string()))));
            reason = error.cause();
        }
    }
}

fn of_change(change: &ConnectionStateChange) -> Line<'_> {
    let event = match change.event() {
        ConnectionEvent::State(state) => state.to_string(),
        ConnectionEvent::Update if change.reason().is_none() => "renewed".to_owned(),
        ConnectionEvent::Update => "warning".to_owned(),
    };
    let is_connected = change.event() == ConnectionEvent::State(ConnectionState::Connected);
    let facts = vec![
        ("resumed", if is_connected { json!(change.is_resumed()) } else { json!(null) }),
        ("retryInSeconds", json!(change.retry_in().map(|wait| (wait.as_secs_f64() * 10.0).round() / 10.0))),
    ];
    Line { event, facts, reason: change.reason() }
}

fn of_message(message: &ProtocolMessage) -> Vec<Line<'_>> {
    let channel = ("channel", json!(message.get_channel()));
    let within = match message.action() {
        Action::Message => message.get_messages(),
        Action::Presence | Action::Sync => message.get_presence(),
        _ => &[],
    };
    if !within.is_empty() {
        let event = if message.action() == Action::Message { "message" } else { "presence" };
        let field = |value: &Value, name: &str| json!(value.get(name));
        let names = ["name", "clientId", "data", "action"];
        let line = |value| Line {
            event: event.to_owned(),
            facts: std::iter::once(channel.clone()).chain(names.map(|name| (name, field(value, name)))).collect(),
            reason: None,
        };
        return within.iter().map(line).collect();
    }
    let event = match message.action() {
        Action::Error | Action::Nack => "refused".to_owned(),
        Action::Unknown(number) => format!("action {number}"),
        action => format!("{action:?}").to_lowercase(),
    };
    let modes = MODES.iter().filter(|(flag, _)| message.get_flags() & flag != 0).map(|(_, name)| *name);
    let modes =
        if message.action() == Action::Attached { json!(modes.collect::<Vec<_>>().join(", ")) } else { json!(null) };
    vec![Line { event, facts: vec![channel, ("modes", modes)], reason: message.get_error() }]
}
