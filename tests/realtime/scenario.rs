//! Scenarios as data: the files of `tests/scenarios/connection`.
//!
//! A file is a list of scenarios about one subject. A scenario has `about`, `spec` (the cases of the specification that
//! it covers), `options` (see `options.rs`), `begin` (see [`beginning`]) and `steps`, each a text. A step is an event, a
//! line that the event causes, or a question. The lines between two events are all that the first one causes, in this
//! order.
//!
//! | event | |
//! | --- | --- |
//! | `connect`, `close`, `authorize` | the application calls this |
//! | `token t1 clientId=bob ttl=60s` | the token source, which was called, gives a token; the default `ttl` is 1 h |
//! | `token again`, `token oversized`, `token empty` | it gives the former token, or a text that is no token |
//! | `token fails code=50000 status=500` | it fails; this is the default error |
//! | `server CONNECTED id=c1 key=k1 clientId=bob idle=15s ttl=120s error=80018/400` | the service sends a message |
//! | `server ERROR 40142/401 channel=chat`, `server 99`, `server {"action":17}` | by action and error, number, or JSON |
//! | `ping` | a WebSocket ping arrives |
//! | `drop`, `refuse`, `refuse dns`, `refuse tls`, `refuse 503` | the socket is lost, or cannot be opened |
//! | `late drop`, `late server …` | the same of the socket before the present one |
//! | `rest`, `rest refused` | the application sends a REST request with the same client, whose token the service refuses |
//! | `online`, `offline` | the outcome of the check whether the internet can be reached |
//! | `wait 15s` | time passes |
//! | `sleep 2h` | the machine is suspended: only the wall clock advances |
//! | `clock +1h`, `clock -1h` | the wall clock is set |
//!
//! | line | |
//! | --- | --- |
//! | `fetch clientId=bob` | the token source is called |
//! | `open main.realtime.ably.net accessToken=t1 -key` | a socket is opened to the host with these query parameters, and without `key`; `fallback` is any fallback host |
//! | `send AUTH accessToken=t2`, `send CLOSE`, `hang up` | a message is sent, the socket is closed |
//! | `check` | the internet is tried |
//! | `state disconnected 80019/401 cause=50000 retry=15s` | a change of state with its reason, and the time until the next attempt: `retry` for any, `retry=12s..15s` for a range |
//! | `state connected resumed` | the connection continues with its id |
//! | `update 80018/400` | details or rights of the connection change |
//! | `deliver ERROR 40160/401 channel=chat` | the application gets a message |
//! | `used accessToken=t1` | the REST request has this token |
//! | `authorized`, `authorized 40012/400` | the outcome of `authorize` |
//!
//! A question is `is state=connected id=c1 key=k1 reason=80019/401 clientId=bob`, where `-` stands for no value.

use std::fs;
use std::path::Path;
use std::time::Duration;

use ably_auth::connection::{Action, ProtocolMessage};
use serde_json::{Value, json};

use crate::world::{TokenAnswer, secret};

/// One scenario of a file.
#[derive(Debug)]
pub(crate) struct Scenario {
    /// The file and the text of the scenario.
    pub(crate) name: String,
    pub(crate) spec: Vec<String>,
    pub(crate) options: Value,
    pub(crate) steps: Vec<Step>,
}

/// A step, with its text.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) text: String,
    pub(crate) kind: StepKind,
}

#[derive(Debug)]
pub(crate) enum StepKind {
    Event(Event),
    Line,
    Question,
}

/// Something that happens to a connection.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Connect,
    Close,
    Authorize,
    Token(TokenAnswer),
    Server(Box<ProtocolMessage>),
    Ping,
    Drop,
    Refuse(Refusal),
    Late(Box<Event>),
    Reachable(bool),
    Rest { is_refused: bool },
    Wait(Duration),
    Sleep(Duration),
    SetForward(Duration),
    SetBack(Duration),
}

/// The reason why a socket cannot be opened.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refusal {
    Connection,
    Dns,
    Tls,
    Status(u16),
}

type Parsed<T> = Result<T, String>;

/// Reads all scenarios.
pub(crate) fn all() -> Vec<Scenario> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/connection");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().flat_map(|path| file(path)).collect()
}

fn file(path: &Path) -> Vec<Scenario> {
    let subject = path.file_stem().unwrap().to_str().unwrap();
    let text = fs::read_to_string(path).unwrap();
    let list: Vec<Value> = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    list.iter()
        .map(|value| scenario(subject, value).unwrap_or_else(|error| panic!("{}: {error}: {value}", path.display())))
        .collect()
}

fn scenario(subject: &str, value: &Value) -> Parsed<Scenario> {
    let texts = |name: &str| -> Parsed<Vec<String>> {
        let list = value.get(name).and_then(Value::as_array).ok_or(format!("`{name}` is missing"))?;
        list.iter().map(|text| text.as_str().map(str::to_owned).ok_or(format!("`{name}` has a non-text"))).collect()
    };
    let about = value["about"].as_str().ok_or("`about` is missing")?;
    for name in value.as_object().ok_or("a scenario is an object")?.keys() {
        if !["about", "spec", "options", "begin", "steps"].contains(&name.as_str()) {
            return Err(format!("unknown field `{name}`"));
        }
    }
    let options = value["options"].clone();
    let begin = value["begin"].as_str().map_or(Ok(Vec::new()), |state| beginning(state, &options))?;
    let steps = begin.into_iter().chain(texts("steps")?).map(step).collect::<Parsed<_>>()?;
    let spec = if value["spec"].is_null() { Vec::new() } else { texts("spec")? };
    let name = format!("connection/{subject}: {about}");
    Ok(Scenario { name, spec, options, steps })
}

/// Returns the steps until the connection is in the state `begin`: `connecting` (the token source is asked), `opening` (a
/// socket is open), `connected` (as `c1`, with the token `t1`), `closing`, `closed`, `disconnected`, `suspended` or
/// `failed`.
fn beginning(begin: &str, options: &Value) -> Parsed<Vec<String>> {
    let of = |steps: &[&str]| steps.iter().map(|step| (*step).to_owned()).collect::<Vec<_>>();
    let mut steps = of(&["connect", "state connecting"]);
    let has_source = options["key"].is_null() || options["useTokenAuth"] == true;
    if has_source && options["token"].is_null() {
        let client_id = options["clientId"].as_str().map(|id| format!(" clientId={id}"));
        steps.push(format!("fetch{}", client_id.unwrap_or_default()));
        if begin == "connecting" {
            return Ok(steps);
        }
        steps.push("token t1".to_owned());
    }
    steps.push("open".to_owned());
    let opened = ["server CONNECTED id=c1 key=k1", "state connected"];
    let closing = ["close", "send CLOSE", "state closing"];
    steps.extend(match begin {
        "opening" => Vec::new(),
        "connected" => of(&opened),
        "closing" => of(&[&opened[..], &closing].concat()),
        "closed" => of(&[&opened[..], &closing, &["server CLOSED", "hang up", "state closed"]].concat()),
        "failed" => of(&["server ERROR 40101/401", "hang up", "state failed 40101/401"]),
        "disconnected" | "suspended" => of(&["refuse", "state disconnected 50000/500 retry"]),
        _ => return Err(format!("unknown beginning `{begin}`")),
    });
    if begin == "suspended" {
        steps.extend(of(&["sleep 130s", "state connecting", "open", "refuse", "state suspended 50000/500 retry=30s"]));
    }
    Ok(steps)
}

fn step(text: String) -> Parsed<Step> {
    let first = text.split(' ').next().unwrap_or_default();
    let kind = match first {
        "fetch" | "open" | "send" | "hang" | "check" | "state" | "update" | "deliver" | "authorized" | "used" => {
            StepKind::Line
        }
        "is" => StepKind::Question,
        _ => StepKind::Event(event(&text).map_err(|error| format!("`{text}`: {error}"))?),
    };
    Ok(Step { text, kind })
}

fn event(text: &str) -> Parsed<Event> {
    if let Some(message) = text.strip_prefix("server ") {
        return Ok(Event::Server(Box::new(message_of(message)?)));
    }
    let words: Vec<&str> = text.split(' ').collect();
    Ok(match words[..] {
        ["connect"] => Event::Connect,
        ["close"] => Event::Close,
        ["authorize"] => Event::Authorize,
        ["token", ref words @ ..] => Event::Token(token(words)?),
        ["ping"] => Event::Ping,
        ["drop"] => Event::Drop,
        ["refuse"] => Event::Refuse(Refusal::Connection),
        ["refuse", "dns"] => Event::Refuse(Refusal::Dns),
        ["refuse", "tls"] => Event::Refuse(Refusal::Tls),
        ["refuse", status] => Event::Refuse(Refusal::Status(number(status)?)),
        ["late", ..] => Event::Late(Box::new(event(text.trim_start_matches("late "))?)),
        ["rest"] => Event::Rest { is_refused: false },
        ["rest", "refused"] => Event::Rest { is_refused: true },
        ["online"] => Event::Reachable(true),
        ["offline"] => Event::Reachable(false),
        ["wait", span] => Event::Wait(duration(span)?),
        ["sleep", span] => Event::Sleep(duration(span)?),
        ["clock", change] => match change.split_at_checked(1) {
            Some(("+", span)) => Event::SetForward(duration(span)?),
            Some(("-", span)) => Event::SetBack(duration(span)?),
            _ => return Err("the change begins with + or -".to_owned()),
        },
        _ => return Err("unknown step".to_owned()),
    })
}

fn token(words: &[&str]) -> Parsed<TokenAnswer> {
    let [what, options @ ..] = words else { return Err("which token?".to_owned()) };
    let option = |name: &str| {
        options.iter().find_map(|word| word.split_once('=').filter(|(key, _)| *key == name)).map(|(_, value)| value)
    };
    let known = if *what == "fails" { ["code", "status"] } else { ["clientId", "ttl"] };
    if let Some(word) = options.iter().find(|word| !word.split_once('=').is_some_and(|(name, _)| known.contains(&name)))
    {
        return Err(format!("unknown option `{word}`"));
    }
    Ok(match *what {
        "again" => TokenAnswer::GivesAgain,
        "oversized" => TokenAnswer::GivesText("x".repeat(128 * 1024 + 1)),
        "empty" => TokenAnswer::GivesText(String::new()),
        "fails" => TokenAnswer::Fails {
            code: option("code").map_or(Ok(50_000), number)?,
            status: option("status").map_or(Ok(500), number)?,
        },
        name => TokenAnswer::Gives {
            name: name.to_owned(),
            client_id: option("clientId").map(str::to_owned),
            ttl: option("ttl").map_or(Ok(Duration::from_secs(3600)), duration)?,
        },
    })
}

const ACTIONS: &[(&str, Action)] = &[
    ("HEARTBEAT", Action::Heartbeat),
    ("ACK", Action::Ack),
    ("NACK", Action::Nack),
    ("CONNECTED", Action::Connected),
    ("DISCONNECTED", Action::Disconnected),
    ("CLOSE", Action::Close),
    ("CLOSED", Action::Closed),
    ("ERROR", Action::Error),
    ("ATTACHED", Action::Attached),
    ("DETACHED", Action::Detached),
    ("MESSAGE", Action::Message),
    ("PRESENCE", Action::Presence),
    ("AUTH", Action::Auth),
];

/// Returns the name of an action in scenarios.
pub(crate) fn name_of(action: Action) -> String {
    let name = ACTIONS.iter().find(|(_, known)| *known == action).map(|(name, _)| (*name).to_owned());
    name.unwrap_or_else(|| action.number().to_string())
}

fn message_of(text: &str) -> Parsed<ProtocolMessage> {
    let json = if text.starts_with('{') {
        serde_json::from_str(text).map_err(|error| error.to_string())?
    } else {
        message_json(text)?
    };
    serde_json::from_value(json).map_err(|error| error.to_string())
}

fn message_json(text: &str) -> Parsed<Value> {
    let mut words = text.split(' ');
    let name = words.next().unwrap_or_default();
    let action = ACTIONS.iter().find(|(known, _)| *known == name).map(|(_, action)| action.number());
    let mut message = json!({ "action": action.map_or_else(|| number(name), Ok)? });
    let mut details = json!({});
    for word in words {
        match word.split_once('=') {
            Some(("channel", channel)) => message["channel"] = channel.into(),
            Some(("id", id)) if name == "CONNECTED" => message["connectionId"] = id.into(),
            Some(("id", id)) => message["id"] = id.into(),
            Some(("key", key)) => details["connectionKey"] = secret(key).into(),
            Some(("clientId", id)) => details["clientId"] = id.into(),
            Some(("idle", span)) => details["maxIdleInterval"] = millis(span)?.into(),
            Some(("ttl", span)) => details["connectionStateTtl"] = millis(span)?.into(),
            Some(("error", error)) => message["error"] = error_json(error)?,
            None => message["error"] = error_json(word)?,
            Some((name, _)) => return Err(format!("unknown field `{name}`")),
        }
    }
    if name == "CONNECTED" {
        let map = details.as_object_mut().ok_or("no details")?;
        map.entry("maxIdleInterval").or_insert(15_000.into());
        map.entry("connectionStateTtl").or_insert(120_000.into());
        message["connectionDetails"] = details;
    }
    Ok(message)
}

fn error_json(text: &str) -> Parsed<Value> {
    let (code, status) = text.split_once('/').ok_or("an error is a code and a status, such as 40142/401")?;
    let (code, status): (u32, u16) = (number(code)?, number(status)?);
    Ok(json!({ "code": code, "statusCode": status, "message": "as the scenario says" }))
}

fn number<T: std::str::FromStr>(text: &str) -> Parsed<T> {
    text.parse().map_err(|_| format!("`{text}` is not a number"))
}

/// Parses a time such as `15s`, `500ms`, `2h`.
pub(crate) fn duration(text: &str) -> Parsed<Duration> {
    let end = text.find(|c: char| !c.is_ascii_digit()).ok_or(format!("`{text}` has no unit"))?;
    let (count, unit) = text.split_at(end);
    let count: u64 = number(count)?;
    Ok(match unit {
        "ms" => Duration::from_millis(count),
        "s" => Duration::from_secs(count),
        "m" => Duration::from_secs(count * 60),
        "h" => Duration::from_secs(count * 3600),
        _ => return Err(format!("`{unit}` is not a unit of time")),
    })
}

fn millis(text: &str) -> Parsed<u64> {
    u64::try_from(duration(text)?.as_millis()).map_err(|error| error.to_string())
}
