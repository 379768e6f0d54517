//! A walk through all states of the machine: every input in every state that can be reached.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use ably_auth_core::realtime::ProtocolMessage;
use ably_auth_core::{ErrorInfo, Timestamp, Token};

use super::super::input::{Input, SocketId};
use super::super::output::{CredentialsQuery, Output};
use super::super::settings::ConnectionSettings;
use super::super::state::{ConnectionEvent, ConnectionState};
use super::{ServiceHosts, StateMachine};
use crate::auth::Credentials;
use crate::cache::CachedToken;
use crate::clock::Moment;
use crate::error::Error;
use crate::generation::Generation;
use crate::transport::{FaultKind, TransportFault};
use crate::{Endpoint, HttpSettings};

/// A step of the environment or of the application.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Connect,
    Close,
    Authorize,
    NewToken,
    SameToken,
    TokenFails(&'static str),
    Receives(&'static str),
    Lost,
    Online(bool),
    Time,
    Sleep,
}

const CONNECTED: &str =
    r#"{"action":4,"connectionId":"c","connectionDetails":{"connectionKey":"k","maxIdleInterval":15000}}"#;

const CLOSED: &str = r#"{"action":8}"#;

const STEPS: &[Step] = &[
    Step::Connect,
    Step::Close,
    Step::Authorize,
    Step::NewToken,
    Step::SameToken,
    Step::TokenFails("unreachable"),
    Step::TokenFails("403"),
    Step::TokenFails("no means"),
    Step::Receives(CONNECTED),
    Step::Receives(r#"{"action":9,"error":{"code":40142,"statusCode":401}}"#),
    Step::Receives(r#"{"action":9,"error":{"code":40101,"statusCode":401}}"#),
    Step::Receives(r#"{"action":6,"error":{"code":40142,"statusCode":401}}"#),
    Step::Receives(r#"{"action":6,"error":{"code":80003,"statusCode":503}}"#),
    Step::Receives(CLOSED),
    Step::Receives(r#"{"action":17}"#),
    Step::Receives(r#"{"action":15,"channel":"chat"}"#),
    Step::Lost,
    Step::Online(true),
    Step::Online(false),
    Step::Time,
    Step::Sleep,
];

/// A machine and its surroundings, which check what it does.
#[derive(Clone)]
struct World {
    machine: StateMachine,
    now: Moment,
    tokens: u64,
    /// True if credentials are being got.
    is_getting: bool,
    socket: Option<SocketId>,
    /// The tokens that were sent over the socket.
    offered: Vec<String>,
    refused: BTreeSet<String>,
    last: String,
    is_checking: bool,
    state: ConnectionState,
    waits_for_authorize: bool,
    path: Vec<Step>,
}

fn token_of(text: &str) -> Credentials {
    let details = Token::new(text).unwrap().into();
    Credentials::of_token(CachedToken::new(details, Generation::default()), None)
}

fn info(code: u64) -> ErrorInfo {
    serde_json::from_value(serde_json::json!({ "code": code, "statusCode": code / 100 })).unwrap()
}

impl World {
    fn new() -> Self {
        let hosts = ServiceHosts::new(&Endpoint::default(), &HttpSettings::default()).unwrap();
        Self {
            machine: StateMachine::new(ConnectionSettings::new(), hosts, None, 7),
            now: Moment::new(Timestamp::from_millis(1_000_000), Duration::from_secs(1_000)),
            tokens: 0,
            is_getting: false,
            socket: None,
            offered: Vec::new(),
            refused: BTreeSet::new(),
            last: String::new(),
            is_checking: false,
            state: ConnectionState::Initialized,
            waits_for_authorize: false,
            path: Vec::new(),
        }
    }

    /// Returns false if the step has no meaning now.
    fn step(&mut self, step: Step) -> bool {
        let input = match step {
            Step::Connect => Input::Connect,
            Step::Close => Input::Close,
            // Drivers pass the next one after the outcome of the former one.
            Step::Authorize if !self.waits_for_authorize => {
                self.waits_for_authorize = true;
                Input::Authorize
            }
            Step::NewToken if self.is_getting => {
                self.tokens += 1;
                self.last = format!("app.t{}", self.tokens);
                Input::Credentials(Ok(token_of(&self.last)))
            }
            Step::SameToken if self.is_getting && self.tokens > 0 => Input::Credentials(Ok(token_of(&self.last))),
            Step::TokenFails(why) if self.is_getting => Input::Credentials(Err(match why {
                "403" => Error::auth_callback(info(40300)),
                "no means" => Error::no_means_to_renew(None),
                _ => TransportFault::new(FaultKind::Unreachable, "refused").into(),
            })),
            Step::Receives(json) => {
                let Some(socket) = self.socket else { return false };
                let message: ProtocolMessage = serde_json::from_str(json).unwrap();
                if json.contains("40142") {
                    // An ERROR answers an AUTH that waits for an answer.
                    let is_error = json.starts_with(r#"{"action":9"#);
                    let refused = if is_error { self.offered.last() } else { self.offered.first() };
                    self.refused.extend(refused.cloned());
                } else if json == CONNECTED && self.offered.len() > 1 {
                    self.offered.remove(0);
                }
                Input::Received(socket, message)
            }
            Step::Lost => {
                let Some(socket) = self.socket.take() else { return false };
                Input::Lost(socket, TransportFault::new(FaultKind::Interrupted, "reset").into())
            }
            Step::Online(is_online) if self.is_checking => {
                self.is_checking = false;
                Input::Connectivity(is_online)
            }
            Step::Time => {
                let Some(wait) = self.machine.until_tick(self.now) else { return false };
                self.now = self.now.saturating_add(wait);
                Input::Tick
            }
            Step::Sleep => {
                let wall = Timestamp::from_millis(self.now.wall().as_millis() + 7_200_000);
                self.now = Moment::new(wall, self.now.steady());
                Input::Tick
            }
            _ => return false,
        };
        if matches!(input, Input::Credentials(_)) {
            self.is_getting = false;
        }
        self.path.push(step);
        let outputs = self.machine.handle(input, self.now);
        outputs.into_iter().for_each(|output| self.check(output));
        self.check_state();
        true
    }

    fn offer(&mut self, token: &str) {
        assert!(!self.refused.contains(token), "the refused token {token} is offered again: {:?}", self.path);
        self.offered.push(token.to_owned());
    }

    fn check(&mut self, output: Output) {
        match output {
            Output::GetCredentials(query) => {
                assert!(!self.is_getting, "two fetches at once");
                self.is_getting = true;
                if let CredentialsQuery::Refused(refused) = query {
                    assert!(self.refused.contains(refused.token().unwrap().expose()));
                }
            }
            Output::StopGetting => assert!(std::mem::take(&mut self.is_getting), "nothing is being got"),
            Output::Open { socket, url } => {
                assert_eq!(self.socket.replace(socket), None, "two sockets at once");
                self.offered.clear();
                let (_, token) = url.expose().split_once("accessToken=").unwrap();
                self.offer(token.split('&').next().unwrap());
            }
            Output::Send(message) => {
                assert!(self.socket.is_some(), "{message:?} is sent without a socket");
                if let Some(auth) = message.get_auth() {
                    self.offer(auth.access_token().expose());
                }
            }
            Output::CloseSocket => assert!(self.socket.take().is_some(), "no socket to close"),
            Output::CheckConnectivity => self.is_checking = true,
            Output::Change(change) => {
                assert_eq!(change.previous(), self.state);
                self.state = change.current();
                let is_update = change.event() == ConnectionEvent::Update;
                assert_eq!(is_update, change.previous() == change.current(), "{change:?}");
                let waits = matches!(self.state, ConnectionState::Disconnected | ConnectionState::Suspended);
                assert_eq!(change.retry_in().is_some(), waits, "{change:?}");
            }
            Output::Authorized(_) => assert!(std::mem::take(&mut self.waits_for_authorize), "nobody authorizes"),
            Output::Deliver(_) => assert_eq!(self.state, ConnectionState::Connected),
        }
    }

    fn check_state(&self) {
        let machine = &self.machine;
        assert_eq!(machine.state(), self.state);
        assert_eq!(machine.getting.is_some(), self.is_getting);
        assert_eq!(machine.socket.as_ref().map(|socket| socket.id), self.socket);
        if self.state.is_at_rest() {
            assert!(!self.is_getting && self.socket.is_none() && !self.waits_for_authorize, "{machine:?}");
            assert_eq!((machine.id(), machine.until_tick(self.now)), (None, None));
        } else {
            assert!(machine.until_tick(self.now).is_some(), "nothing ever happens in {machine:?}");
        }
    }

    /// Returns what decides the next steps, without times and names.
    fn fingerprint(&self) -> String {
        let machine = &self.machine;
        format!(
            "{:?} {:?} {:?} {:?} {} {:?} {} {:?} {:?} {:?}",
            self.state,
            machine.getting.as_ref().map(|getting| getting.purpose),
            machine.socket.is_some(),
            (machine.attempt.has_renewed, machine.attempt.untried.as_ref().map(Vec::len), self.is_checking),
            machine.refused.is_some(),
            (machine.renewal.unanswered.min(2), machine.renewal.again_at.is_some()),
            self.waits_for_authorize,
            (machine.losses.failures.min(1), machine.losses.quick.min(3), machine.losses.is_suspended),
            (machine.held.is_some(), machine.retry_at.is_some(), machine.closing_until.is_some()),
            (self.tokens > 0, self.offered.iter().any(|token| self.refused.contains(token))),
        )
    }

    /// Plays a friendly environment, and asserts that the connection comes to an end of its way.
    fn settle(mut self) {
        for _ in 0..60 {
            if matches!(self.state, ConnectionState::Connected) && !self.waits_for_authorize || self.state.is_at_rest()
            {
                return;
            }
            let answer = if self.state == ConnectionState::Closing { CLOSED } else { CONNECTED };
            let _ = self.step(Step::NewToken)
                || self.step(Step::Online(true))
                || self.step(Step::Receives(answer))
                || self.step(Step::Time);
        }
        panic!("no end after {:?}: {:?}", self.path, self.machine);
    }
}

#[test]
fn every_input_in_every_state_keeps_the_rules() {
    let mut seen = BTreeSet::new();
    let mut waiting = VecDeque::from([World::new()]);
    let mut states = BTreeSet::new();
    while let Some(world) = waiting.pop_front() {
        for step in STEPS {
            let mut next = world.clone();
            if !next.step(*step) || !seen.insert(next.fingerprint()) {
                continue;
            }
            states.insert(next.state);
            next.clone().settle();
            let mut closed = next.clone();
            closed.step(Step::Close);
            closed.settle();
            waiting.push_back(next);
        }
    }
    assert_eq!(states.len(), 8, "all states are reached: {states:?}");
    assert!(seen.len() > 500, "{} states", seen.len());
}

#[test]
fn every_short_order_of_inputs_keeps_the_rules() {
    let mut count = 0;
    let mut waiting = vec![(World::new(), 0)];
    while let Some((world, depth)) = waiting.pop() {
        for step in STEPS {
            let mut next = world.clone();
            if next.step(*step) {
                count += 1;
                if depth < 5 {
                    waiting.push((next, depth + 1));
                }
            }
        }
    }
    assert!(count > 10_000, "{count} orders");
}
