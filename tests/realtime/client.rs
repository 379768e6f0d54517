//! A connection over real sockets to our service, with what happened to it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ably_auth::{ApiKey, Async, Clock as _, SystemClock, Token, TokenParams, Ttl};
use ably_auth_core::JwtFields;
use ably_auth_websocket::{
    Action, Connection, ConnectionEvent, ConnectionOptions, ConnectionState, ConnectionStateChange, Event, Events,
    Format, ProtocolMessage,
};
use libtest_mimic::{Failed, Trial};
use tokio::time::timeout;

pub(crate) type ClientOptions = ably_auth::ClientOptions<Async>;

/// The time after which a trial fails.
const LONGEST: Duration = Duration::from_secs(30);

/// Returns the trial of a case, which it plays with JSON frames and then with MessagePack frames.
pub(crate) fn trial<A: Future<Output = ()>>(name: &str, case: impl Fn(Format) -> A + Send + 'static) -> Trial {
    Trial::test(format!("{name} [websocket]"), move || {
        for format in [Format::Json, Format::MsgPack] {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let played = runtime.block_on(async { timeout(LONGEST, case(format)).await });
            played.map_err(|_| Failed::from(format!("no end after {LONGEST:?} with {format:?} frames")))?;
        }
        Ok(())
    })
}

/// A connection, and its events so far. Each wait looks at what happened since the wait before.
pub(crate) struct Client {
    pub(crate) connection: Connection,
    events: Events,
    changes: Vec<ConnectionStateChange>,
    /// The number of changes that a wait has seen.
    seen: usize,
    messages: VecDeque<ProtocolMessage>,
}

impl Client {
    pub(crate) fn open(options: ConnectionOptions) -> Self {
        let (connection, events) = Connection::open(options).unwrap();
        Self { connection, events, changes: Vec::new(), seen: 0, messages: VecDeque::new() }
    }

    /// Waits for the next change that `is_wanted`.
    async fn change(&mut self, is_wanted: impl Fn(&ConnectionStateChange) -> bool) -> ConnectionStateChange {
        loop {
            if let Some(at) = self.changes.iter().skip(self.seen).position(&is_wanted) {
                self.seen += at + 1;
                return self.changes[self.seen - 1].clone();
            }
            self.take_event().await;
        }
    }

    /// Waits until the connection enters the state.
    pub(crate) async fn enter(&mut self, state: ConnectionState) -> ConnectionStateChange {
        self.change(|change| change.event() == ConnectionEvent::State(state)).await
    }

    /// Waits until the connection leaves the state CONNECTED.
    pub(crate) async fn leave(&mut self) -> ConnectionStateChange {
        self.change(|change| change.previous() == ConnectionState::Connected && change.current() != change.previous())
            .await
    }

    /// Waits for an update of the connection.
    pub(crate) async fn update(&mut self) -> ConnectionStateChange {
        self.change(|change| change.event() == ConnectionEvent::Update).await
    }

    /// Waits for a message with this action, and discards those before it.
    pub(crate) async fn receive(&mut self, action: Action) -> ProtocolMessage {
        loop {
            while let Some(message) = self.messages.pop_front() {
                if message.action() == action {
                    return message;
                }
            }
            self.take_event().await;
        }
    }

    async fn take_event(&mut self) {
        match self.events.next().await.expect("the connection lives") {
            Event::Change(change) => self.changes.push(change),
            Event::Message(message) => self.messages.push_back(message),
            other => panic!("unknown event {other:?}"),
        }
    }

    pub(crate) async fn send(&self, message: ProtocolMessage) {
        self.connection.send(message).await.unwrap();
    }

    /// Returns the states that the connection has entered since it was opened, as far as waits have seen them.
    pub(crate) fn states(&self) -> Vec<ConnectionState> {
        let states = self.changes[..self.seen].iter().filter(|change| change.event() != ConnectionEvent::Update);
        states.map(ConnectionStateChange::current).collect()
    }

    /// Returns the code and the status of the reason of the state.
    pub(crate) fn reason(&self) -> Option<(u32, u16)> {
        self.connection.error_reason().map(|reason| (reason.code().as_u32(), reason.status_code()))
    }

    pub(crate) fn id(&self) -> String {
        self.connection.id().expect("a connection that is open has an id")
    }

    /// Closes the connection, and checks that the service confirms it.
    pub(crate) async fn close(mut self) {
        self.connection.close().await;
        self.enter(ConnectionState::Closed).await;
    }
}

/// The number of calls of a token source.
#[derive(Clone, Default)]
pub(crate) struct Calls(Arc<AtomicUsize>);

impl Calls {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Adds options with an auth callback that signs JWTs: those of `key` with what `fields` says of the n-th call.
    pub(crate) fn sign(
        &self,
        options: ClientOptions,
        key: &ApiKey,
        ttl: impl Fn(usize) -> Ttl + Send + Sync + 'static,
        client_id: Option<&'static str>,
    ) -> ClientOptions {
        let (calls, key) = (self.clone(), key.clone());
        options.auth_callback(move |_: TokenParams| {
            let call = calls.add();
            let jwt = jwt(&key, call, ttl(call), client_id);
            async move { Ok::<_, ably_auth::Error>(jwt) }
        })
    }

    /// Adds a call, and returns its number, counted from 1.
    pub(crate) fn add(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }
}

/// Returns the JWT of the n-th call. It lives `n` seconds less than `ttl`, so that no two of one second are the same.
fn jwt(key: &ApiKey, call: usize, ttl: Ttl, client_id: Option<&str>) -> Token {
    let ttl = Ttl::from_millis(ttl.as_millis() - 1000 * call as u64).unwrap();
    let fields = JwtFields { client_id, ..JwtFields::new(key.key_name().as_str(), SystemClock.now(), ttl) };
    fields.mint(&key.signer()).unwrap()
}

/// Returns the options of a connection to the service at this URL, without an HTTP client.
pub(crate) fn options(url: &str, client: ClientOptions, format: Format) -> ConnectionOptions {
    ConnectionOptions::from_client_options(client.endpoint(url)).unwrap().format(format)
}

/// Returns the options of a client that sends the key itself, which our sandbox permits without TLS.
pub(crate) fn with_key(key: &ApiKey) -> ClientOptions {
    ClientOptions::new().key(key.clone()).allow_basic_on_loopback(true)
}
