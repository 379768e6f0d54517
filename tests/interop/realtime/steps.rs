//! The steps of a case.

use std::time::Duration;

use ably_auth::connection::{Action, Format, ProtocolMessage, Value as Data};
use ably_auth_websocket::Connection;
use serde_json::Value;
use tokio::time::timeout;

use super::super::params;
use super::client::{Client, MODES, channel};
use super::proxy::Gate;
use super::seen::{ChannelState, Seen, action};
use super::{Fault, data, rest};

/// The states in which `connect` ends.
const SETTLED: [&str; 4] = ["connected", "failed", "suspended", "closed"];

/// The time for a reason to be set.
const REASON_PATIENCE: Duration = Duration::from_secs(2);

/// The numbers of presence actions.
const PRESENCE: [(&str, u64); 3] = [("enter", 2), ("leave", 3), ("update", 4)];

impl Client {
    /// Carries out a step, and returns what the client saw.
    pub(super) async fn step(&mut self, verb: &str, arg: &Value) -> Result<String, Fault> {
        match verb {
            "publish" => self.publish(arg).await,
            "history" => rest::history(&self.rest, channel(arg)).await,
            "members" if self.is_rest() => rest::members(&self.rest, channel(arg)).await,
            "calls" => {
                if let Some(count) = arg.as_u64() {
                    self.seen.eventually(|seen| (seen.calls as u64 >= count).then_some(())).await;
                }
                Ok(self.seen.look(|seen| seen.calls.to_string()))
            }
            "cut" => {
                let proxy = self.proxy.as_ref().ok_or("the client has no proxy")?;
                proxy.cut(match arg.as_str() {
                    Some("hold") => Gate::Held,
                    Some("refuse") => Gate::Closed,
                    _ => Gate::Open,
                });
                self.waited = self.seen.look(|seen| seen.events.len());
                Ok(".".into())
            }
            "mend" => {
                self.proxy.as_ref().ok_or("the client has no proxy")?.mend();
                Ok(".".into())
            }
            "sleep" => {
                tokio::time::sleep(Duration::from_millis(arg.as_u64().unwrap_or_default())).await;
                Ok(".".into())
            }
            "connect" | "open" | "until" | "states" | "reason" | "connectionId" | "clientId" | "ping" | "close"
            | "authorize" => self.connection_step(verb, arg).await,
            _ => self.channel_step(verb, arg).await,
        }
    }

    async fn connection_step(&mut self, verb: &str, arg: &Value) -> Result<String, Fault> {
        let connection = self.realtime()?.connection.clone();
        Ok(match verb {
            "connect" | "open" => {
                self.waited = self.seen.look(|seen| seen.events.len());
                tokio::spawn(async move { connection.connect().await.ok() });
                match arg.as_str() {
                    _ if verb == "open" => ".".into(),
                    Some(state) => self.until(&[state]).await,
                    None => self.until(&SETTLED).await,
                }
            }
            "until" => self.until(&[arg.as_str().unwrap_or_default()]).await,
            "states" => {
                self.realtime()?.flush().await;
                let listed = self.listed;
                let names: Vec<String> =
                    self.seen.look(|seen| seen.events[listed..].iter().map(|(name, _)| name.clone()).collect());
                self.listed += names.len();
                names.join(" ")
            }
            "reason" => self.reason(&connection).await,
            "connectionId" => {
                let id = connection.id().unwrap_or_default();
                if self.ids.lock().await.insert(id) { "new".into() } else { "same".into() }
            }
            "clientId" => connection.client_id().as_str().unwrap_or("-").to_owned(),
            "ping" => connection.ping().await.map(|_| "pong".into())?,
            "close" => {
                connection.close().await;
                self.until(&["closed"]).await
            }
            _ => connection.authorize(&params(arg)?).await.map(|_| "ok".into())?,
        })
    }

    /// Returns the reason of the connection's state. It may be set a moment later, as for a token that is being fetched.
    async fn reason(&self, connection: &Connection) -> String {
        let look = |_: &Seen| connection.error_reason().map(|reason| error_text(&reason));
        timeout(REASON_PATIENCE, self.seen.wait(look)).await.unwrap_or_else(|_| "-".into())
    }

    /// Waits for an event with one of these names.
    async fn until(&mut self, names: &[&str]) -> String {
        let waited = self.waited;
        let found = self.seen.eventually(|seen| {
            let events = seen.events.iter().enumerate().skip(waited);
            let is_wanted = |name: &str, has_reason: bool| {
                // A connection whose token is refused gets another one at once, without the state DISCONNECTED between.
                names.contains(&name) || (has_reason && name == "connecting" && names.contains(&"disconnected"))
            };
            events
                .into_iter()
                .find(|(_, (name, reason))| is_wanted(name, reason.is_some()))
                .map(|(at, event)| (at, event.clone()))
        });
        let Some((at, (name, reason))) = found.await else {
            return format!(
                "still {}",
                self.realtime().map_or_else(|_| String::new(), |it| it.connection.state().to_string())
            );
        };
        self.waited = at + 1;
        match reason {
            // CLOSED has a reason too, which the case asked for.
            Some(reason) if name != "closed" => format!("{name} {}", error_text(&reason)),
            _ => name,
        }
    }

    async fn channel_step(&self, verb: &str, arg: &Value) -> Result<String, Fault> {
        let name = channel(arg);
        Ok(match verb {
            "attach" => self.attach(arg, &arg["modes"]).await?,
            "setModes" => self.attach(arg, &arg["to"]).await.map(|_| "set".into())?,
            "detach" => {
                self.realtime()?.connection.send(ProtocolMessage::new(Action::Detach).channel(name)).await?;
                self.until_channel(name, ChannelState::Detached).await
            }
            "subscribe" | "watch" => {
                self.seen.change(|seen| {
                    let channel = seen.channels.entry(name.to_owned()).or_default();
                    channel.is_subscribed |= verb == "subscribe";
                    channel.is_watched |= verb == "watch";
                });
                self.attach(arg, &arg["modes"]).await?
            }
            "attachments" => {
                let count = arg.as_u64().unwrap_or(1) as usize;
                self.seen.take(count, |seen| &mut seen.attachments, |seen| seen.attachments.len()).await.join(" ")
            }
            "modes" => {
                let granted = self.seen.look(|seen| seen.channels.get(name).map_or(0, |channel| channel.granted));
                let modes = MODES.iter().filter(|(_, flag)| granted & flag != 0).map(|(name, _)| *name);
                modes.collect::<Vec<_>>().join(" ")
            }
            "channel" => {
                let states = [ChannelState::Attached, ChannelState::Detached, ChannelState::Failed];
                let state = states.into_iter().find(|state| arg["until"] == state.name()).ok_or("unknown state")?;
                self.until_channel(name, state).await
            }
            "receive" => {
                let count = arg["count"].as_u64().unwrap_or(1) as usize;
                let messages = self.seen.take(count, |seen| &mut seen.inbox, |seen| seen.inbox.len()).await;
                if let Some(same) = arg["same"].as_str() {
                    return Ok(is_same(&messages, same));
                }
                let see = arg["see"].as_array().cloned().unwrap_or_else(|| vec!["/data".into()]);
                let seen = messages
                    .iter()
                    .map(|message| super::super::reading::see(&json(message), &Value::from(see.clone())));
                Some(seen.collect::<Vec<_>>().join(" ")).filter(|seen| !seen.is_empty()).unwrap_or("nothing".into())
            }
            "received" => self.seen.look(|seen| seen.inbox.len().to_string()),
            "enter" | "update" | "leave" => self.present(verb, arg).await?,
            "members" => {
                self.attach(arg, &Value::Null).await?;
                self.seen.eventually(|seen| (!seen.channels[name].is_syncing).then_some(())).await;
                self.seen.look(|seen| {
                    let members = seen.channels[name].members.iter();
                    rest::names(members.map(|((_, id), data)| (id.clone(), data.as_str().map(str::to_owned))))
                })
            }
            "notice" => {
                let count = arg["count"].as_u64().unwrap_or(1) as usize;
                let messages = self.seen.take(count, |seen| &mut seen.presence, |seen| seen.presence.len()).await;
                if let Some(same) = arg["same"].as_str() {
                    return Ok(is_same(&messages, same));
                }
                let text =
                    |message: &Data, name: &str| message.get(name).and_then(Data::as_str).unwrap_or("-").to_owned();
                let seen =
                    messages.iter().map(|it| [action(it).into(), text(it, "clientId"), text(it, "data")].join(" "));
                Some(seen.collect::<Vec<_>>().join(" ")).filter(|seen| !seen.is_empty()).unwrap_or("nothing".into())
            }
            _ => return Err(format!("no such step: {verb}").into()),
        })
    }

    async fn until_channel(&self, name: &str, state: ChannelState) -> String {
        let look =
            |seen: &Seen| seen.channels.get(name).map_or_else(Default::default, |it| (it.state, it.error.clone()));
        let found = self.seen.eventually(|seen| Some(look(seen)).filter(|(own, _)| *own == state)).await;
        match found {
            Some((state, Some(error))) => format!("{} {}", state.name(), error_text(&error)),
            Some((state, None)) => state.name(),
            None => format!("still {}", self.seen.look(look).0.name()),
        }
    }

    async fn publish(&self, arg: &Value) -> Result<String, Fault> {
        let given = match &arg["messages"] {
            Value::Array(messages) => messages.clone(),
            _ => vec![arg["message"].clone()],
        };
        // A REST client publishes JSON.
        let format = if self.is_rest() { Format::Json } else { self.format };
        let messages: Vec<Data> = given.iter().map(|given| message(given, format)).collect::<Result<_, _>>()?;
        if self.is_rest() {
            return rest::publish(&self.rest, channel(arg), serde_json::to_value(messages)?).await;
        }
        let message = ProtocolMessage::new(Action::Message).channel(channel(arg)).messages(messages);
        if arg["queued"] == true {
            drop(self.realtime()?.outbox.send(message));
            return Ok(".".into());
        }
        self.acknowledged(message).await
    }

    async fn present(&self, verb: &str, arg: &Value) -> Result<String, Fault> {
        self.attach(arg, &Value::Null).await?;
        let number = PRESENCE.iter().find(|(name, _)| *name == verb).map_or(0, |(_, number)| *number);
        let mut message = Data::map([("action", Data::from(number))]);
        if let (Data::Map(fields), Some(client_id)) = (&mut message, arg["client"].as_str()) {
            fields.insert("clientId".into(), client_id.into());
        }
        if let Some(name) = arg["data"].as_str() {
            data::encode(&mut message, data::named(name), self.format);
        }
        self.acknowledged(ProtocolMessage::new(Action::Presence).channel(channel(arg)).presence([message])).await
    }
}

/// Returns a message of a case, with the defaults of its name and data.
fn message(given: &Value, format: Format) -> Result<Data, Fault> {
    let mut message = Data::map([("name", Data::from("n"))]);
    if let Data::Map(fields) = &mut message {
        for (name, value) in given.as_object().into_iter().flatten() {
            fields.insert(name.clone(), serde_json::from_value(value.clone())?);
        }
    }
    data::encode(&mut message, data::named(given["data"].as_str().unwrap_or("d")), format);
    Ok(message)
}

/// Compares the data of received messages with what a case names.
fn is_same(messages: &[Data], name: &str) -> String {
    let is_same = |message: &Data| message.get("data") == Some(&data::named(name));
    if !messages.is_empty() && messages.iter().all(is_same) { "same".into() } else { format!("{messages:?}") }
}

fn json(message: &Data) -> Value {
    serde_json::to_value(message).unwrap_or_default()
}

fn error_text(error: &ably_auth::ErrorInfo) -> String {
    format!("{}/{}", error.code(), error.status_code())
}
