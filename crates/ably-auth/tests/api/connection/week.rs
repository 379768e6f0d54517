//! A week of virtual time: a connection and REST requests share short-lived tokens, while faults happen at random.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ably_auth::connection::{
    Action, ConnectionAuth, ConnectionSettings, ConnectionState, CredentialsQuery, Input, Output, SocketId,
    StateMachine,
};
use ably_auth::{
    Async, Auth, ClientOptions, Clock, Error, FaultKind, Moment, Timestamp, TokenDetails, TokenParams, TokenSource,
    TransportFault, async_trait,
};
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::Request;
use serde_json::json;

const WEEK: u64 = 7 * 24 * 3_600_000;
const LIFETIME: u64 = 180_000;
/// The service asks for a new token this many ms before expiry.
const PROMPT: u64 = 30_000;
const START: u64 = 1_780_315_200_000;

struct VirtualClock(AtomicU64);

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn steady(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst) - START)
    }
}

/// Random numbers from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }
}

/// A token source that fails now and then, and counts.
struct Source {
    clock: Arc<VirtualClock>,
    dice: Mutex<Dice>,
    issued: AtomicU64,
    failed: AtomicU64,
}

/// The source, as a client has it.
struct SharedSource(Arc<Source>);

#[async_trait]
impl TokenSource for SharedSource {
    async fn token(&self, _: &TokenParams) -> Result<TokenDetails, Error> {
        let Self(source) = self;
        if source.dice.lock().unwrap().percent(10) {
            source.failed.fetch_add(1, Ordering::SeqCst);
            return Err(TransportFault::new(FaultKind::Unreachable, "the server of the app is down").into());
        }
        source.issued.fetch_add(1, Ordering::SeqCst);
        let issued = source.clock.now().as_millis();
        let token = json!({ "token": format!("app.{issued}"), "issued": issued, "expires": issued + LIFETIME });
        Ok(serde_json::from_value(token).unwrap())
    }
}

/// A service with one connection.
#[derive(Default)]
struct Service {
    socket: Option<SocketId>,
    expires: u64,
    is_prompted: bool,
    breaks_at: u64,
    refused: BTreeSet<String>,
}

struct Week {
    clock: Arc<VirtualClock>,
    auth: ConnectionAuth,
    machine: StateMachine,
    service: Service,
    dice: Dice,
    inputs: Vec<Input>,
    /// The time in the state CONNECTED, in ms.
    connected: u64,
}

impl Week {
    fn now(&self) -> u64 {
        self.clock.0.load(Ordering::SeqCst)
    }

    fn moment(&self) -> Moment {
        self.clock.moment()
    }

    fn handle(&mut self, input: Input) {
        self.inputs.push(input);
        while !self.inputs.is_empty() {
            let input = self.inputs.remove(0);
            for output in self.machine.handle(input, self.moment()) {
                self.perform(output);
            }
        }
    }

    fn receives(&mut self, message: serde_json::Value) {
        let Some(socket) = self.service.socket else { return };
        self.inputs.push(Input::Received(socket, serde_json::from_value(message).unwrap()));
    }

    /// Accepts a token, or refuses it. The service never sees a token again that it has refused.
    fn present(&mut self, token: &str) {
        assert!(!self.service.refused.contains(token), "{token} is offered again");
        let issued: u64 = token.trim_start_matches("app.").parse().unwrap();
        if issued + LIFETIME <= self.now() {
            self.service.refused.insert(token.to_owned());
            self.receives(json!({ "action": 9, "error": { "code": 40142, "statusCode": 401 } }));
            return;
        }
        (self.service.expires, self.service.is_prompted) = (issued + LIFETIME, false);
        let details = json!({ "connectionKey": "k", "maxIdleInterval": 0 });
        self.receives(json!({ "action": 4, "connectionId": "c", "connectionDetails": details }));
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::GetCredentials(query) => {
                let outcome = self.auth.credentials(&query).now_or_never().expect("the source answers at once");
                self.inputs.push(Input::Credentials(outcome));
            }
            Output::Open { socket, .. } if self.dice.percent(15) => {
                let fault = TransportFault::new(FaultKind::Unreachable, "refused");
                self.inputs.push(Input::Lost(socket, fault.into()));
            }
            Output::Open { socket, url } => {
                self.service.socket = Some(socket);
                self.service.breaks_at = self.now() + self.dice.below(20 * 60_000);
                let (_, token) = url.expose().split_once("accessToken=").unwrap();
                self.present(token.split('&').next().unwrap());
            }
            Output::Send(message) => {
                if let Some(auth) = message.get_auth() {
                    assert_eq!(message.action(), Action::Auth);
                    self.present(auth.access_token().expose());
                }
            }
            Output::CloseSocket => self.service.socket = None,
            _ => {}
        }
    }

    /// Returns the time of the next event.
    fn next(&self, next_request: u64) -> u64 {
        let tick = self
            .machine
            .until_tick(self.moment())
            .map(|wait| self.now() + u64::try_from(wait.as_micros().div_ceil(1_000)).unwrap());
        let service = &self.service;
        let prompt = (!service.is_prompted).then(|| service.expires - PROMPT);
        let of_service = service.socket.map(|_| service.breaks_at.min(prompt.unwrap_or(service.expires)));
        [tick, of_service].into_iter().flatten().fold(next_request, u64::min).max(self.now())
    }

    fn happen(&mut self) {
        let now = self.now();
        if let Some(socket) = self.service.socket {
            if now >= self.service.breaks_at {
                self.service.socket = None;
                return self.handle(Input::Lost(socket, TransportFault::new(FaultKind::Interrupted, "reset").into()));
            }
            if now >= self.service.expires {
                self.receives(json!({ "action": 6, "error": { "code": 40142, "statusCode": 401 } }));
            } else if now >= self.service.expires - PROMPT && !self.service.is_prompted {
                self.service.is_prompted = true;
                self.receives(json!({ "action": 17 }));
            }
        }
        self.handle(Input::Tick);
    }
}

#[test]
fn short_tokens_are_fetched_once_a_lifetime() {
    for seed in 1..=3 {
        let clock = Arc::new(VirtualClock(AtomicU64::new(START)));
        let (dice, counters) = (Mutex::new(Dice(seed)), || AtomicU64::new(0));
        let source = Arc::new(Source { clock: clock.clone(), dice, issued: counters(), failed: counters() });
        let options = ClientOptions::<Async>::new()
            .endpoint("ably.example.com")
            .clock(clock.clone())
            .token_source(SharedSource(source.clone()));
        let unused = |_: Request<Bytes>| async { Err(TransportFault::new(FaultKind::Unreachable, "not used")) };
        let auth = ConnectionAuth::new(&Auth::new(options, unused).unwrap()).unwrap();
        let machine = StateMachine::new(ConnectionSettings::new(), auth.hosts().clone(), None, seed);
        let (service, dice, inputs) = (Service::default(), Dice(seed), Vec::new());
        let mut week = Week { clock, auth, machine, service, dice, inputs, connected: 0 };
        week.handle(Input::Connect);
        let mut next_request = START;
        while week.now() < START + WEEK {
            let next = week.next(next_request);
            if week.machine.state() == ConnectionState::Connected {
                week.connected += next - week.now();
            }
            week.clock.0.store(next, Ordering::SeqCst);
            if next >= next_request {
                // A REST request of the same client. It may fail while the source is down.
                let _ = week.auth.credentials(&CredentialsQuery::Current).now_or_never();
                next_request = next + 20_000;
            }
            week.happen();
        }
        let (issued, failed) = (source.issued.load(Ordering::SeqCst), source.failed.load(Ordering::SeqCst));
        let share = issued as f64 / (WEEK / LIFETIME) as f64;
        // The service asks for each token 30 s before the former one expires, so at best a token serves for 150 s.
        assert!(share <= 1.2, "{share:.2} tokens in each lifetime ({issued} issued, {failed} failures)");
        assert!(failed * 6 < issued, "{failed} failures for {issued} tokens: the source is asked again too often");
        let online = week.connected as f64 / WEEK as f64;
        assert!(online > 0.95, "connected for {:.1} % of the week", online * 100.0);
        assert!(
            week.service.refused.len() < 20,
            "{} tokens were offered after their expiry",
            week.service.refused.len()
        );
        println!("seed {seed}: {share:.3} tokens a lifetime, {failed} failures, connected {:.2} %", online * 100.0);
    }
}
