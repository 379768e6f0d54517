//! The cases that concern a client and the real service: the driver for tokio and a service on a local port, with real
//! time and sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ably_auth::connection::{Action, ConnectionState, ProtocolMessage, Value};
use ably_auth::sources::KeySigner;
use ably_auth::{
    ApiKey, Async, ClientId, ClientOptions, Clock as _, Error, SystemClock, Token, TokenParams, TokenRequest,
};
use ably_auth_core::jwt;
use ably_auth_server::{App, Key, Sandbox};
use ably_auth_websocket::{Connection, ConnectionOptions, Event, Events};
use libtest_mimic::{Failed, Trial};
use tokio::time::timeout;

const CASES: &[(&str, fn())] = &[
    ("realtime/integration/RTC8a/in-band-reauth-connected-0", || run(reauthenticates_in_band)),
    ("realtime/integration/RTC8c/authorize-initiates-connection-0", || run(authorize_connects)),
    ("realtime/integration/RSA8/token-auth-connect-0", || run(connects_with_token)),
    ("realtime/integration/RSA7/matching-clientid-succeeds-0", || run(connects_as_identity_of_token)),
    ("realtime/integration/RSA7/mismatched-clientid-fails-1", || run(other_identity_of_token_fails)),
    ("realtime/integration/RSA4b/token-renewal-on-expiry-0", || run(expired_token_is_renewed)),
    ("realtime/integration/RSA9a/token-request-server-accepted-0", || run(connects_with_token_request)),
    ("realtime/integration/RSA9/token-request-with-clientid-0", || run(connects_as_identity_of_token_request)),
    ("realtime/integration/RTN14a/invalid-key-failed-0", || run(invalid_key_fails)),
    ("realtime/integration/RTN14g/revoked-key-failed-0", || run(unknown_key_fails)),
    ("realtime/integration/RTN4b/successful-connection-0", || run(connects)),
    ("realtime/integration/RTN4c/graceful-close-0", || run(closes)),
    ("realtime/integration/RTN11/connect-reconnect-cycle-0", || run(connects_again)),
    ("realtime/integration/RTL4c/attach-succeeds-0", || run(attaches)),
    ("realtime/integration/RTL5d/detach-succeeds-0", || run(detaches)),
    ("realtime/integration/RTL14/insufficient-capability-failed-0", || run(publish_without_right_is_refused)),
];

/// Returns the trials of the cases.
pub(crate) fn all() -> Vec<Trial> {
    let trial = |&(id, case): &(&str, fn())| {
        Trial::test(format!("{id} [websocket]"), move || {
            case();
            Ok::<(), Failed>(())
        })
    };
    CASES.iter().map(trial).collect()
}

/// A service with two keys: one with all rights, and one that may only subscribe.
pub(crate) struct Service {
    pub(crate) sandbox: Sandbox,
}

pub(crate) fn key() -> ApiKey {
    ApiKey::parse("shop.all:secret-of-all").unwrap()
}

fn subscriber_key() -> ApiKey {
    ApiKey::parse("shop.subscriber:secret-of-subscriber").unwrap()
}

impl Service {
    pub(crate) fn start() -> Self {
        let subscriber = Key::new(subscriber_key()).with_capability(r#"{"*":["subscribe"]}"#.parse().unwrap());
        let app = App::new("shop").unwrap().with_key(Key::new(key())).unwrap().with_key(subscriber).unwrap();
        Self { sandbox: Sandbox::builder().app(app).start().unwrap() }
    }

    /// Returns the options of a client of this service.
    pub(crate) fn client(&self) -> ClientOptions<Async> {
        ClientOptions::new().endpoint(self.sandbox.url()).allow_basic_on_loopback(true)
    }

    fn open(&self, client: ClientOptions<Async>) -> (Connection, Events) {
        let options = ConnectionOptions::from_client_options(client).unwrap().auto_connect(false);
        Connection::open(options).unwrap()
    }
}

/// An auth callback that mints JWTs with the service's key, and counts them.
#[derive(Clone, Default)]
pub(crate) struct Minter {
    count: Arc<AtomicU64>,
    client_id: ClientId,
    /// The lifetime of the first JWT.
    first_ttl: Option<Duration>,
}

impl Minter {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    fn client_id(mut self, client_id: &str) -> Self {
        self.client_id = ClientId::parse(client_id).unwrap();
        self
    }

    fn first_ttl(mut self, ttl: Duration) -> Self {
        self.first_ttl = Some(ttl);
        self
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    fn mint(&self) -> Token {
        let before = self.count.fetch_add(1, Ordering::SeqCst);
        // JWTs of the same second differ by their lifetime.
        let ttl = self.first_ttl.filter(|_| before == 0).unwrap_or(Duration::from_secs(3600 + before));
        let params = TokenParams::new().ttl(ttl).client_id(self.client_id.clone());
        jwt::mint(&key(), &params, SystemClock.now()).unwrap()
    }

    /// Adds the callback to the options.
    pub(crate) fn of(&self, client: ClientOptions<Async>) -> ClientOptions<Async> {
        let minter = self.clone();
        client.auth_callback(move |_: TokenParams| std::future::ready(Ok::<_, Error>(minter.mint())))
    }
}

/// Runs a case, which has to end.
pub(crate) fn run<F: Future<Output = ()>>(case: impl FnOnce() -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let case = async { timeout(Duration::from_secs(30), case()).await };
    runtime.block_on(case).expect("the case does not end");
}

/// Returns the changes that wait, as states. An update is CONNECTED again.
pub(crate) fn states(events: &mut Events) -> Vec<ConnectionState> {
    use futures_util::FutureExt as _;

    let mut states = Vec::new();
    while let Some(Some(event)) = events.next().now_or_never() {
        if let Event::Change(change) = event {
            states.push(change.current());
        }
    }
    states
}

async fn next_message(events: &mut Events) -> ProtocolMessage {
    loop {
        if let Event::Message(message) = events.next().await.unwrap() {
            return message;
        }
    }
}

async fn reauthenticates_in_band() {
    let (service, minter) = (Service::start(), Minter::new());
    let (connection, mut events) = service.open(minter.of(service.client()));
    connection.connect().await.unwrap();
    let id = connection.id();
    states(&mut events);
    let token = connection.authorize(None).await.unwrap();
    assert!(!token.token().expose().is_empty() && minter.count() == 2);
    assert_eq!(connection.id(), id);
    assert!(states(&mut events).iter().all(|state| *state == ConnectionState::Connected));
    connection.close().await;
}

async fn authorize_connects() {
    let service = Service::start();
    let (connection, _events) = service.open(Minter::new().of(service.client()));
    assert_eq!(connection.state(), ConnectionState::Initialized);
    connection.authorize(None).await.unwrap();
    assert_eq!(connection.state(), ConnectionState::Connected);
    assert!(connection.id().is_some());
    connection.close().await;
}

async fn connects_with_token() {
    let service = Service::start();
    let (connection, _events) = service.open(Minter::new().of(service.client()));
    connection.connect().await.unwrap();
    assert!(connection.id().is_some() && connection.error_reason().is_none());
    connection.close().await;
}

async fn connects_as_identity_of_token() {
    let service = Service::start();
    let client = Minter::new().client_id("bob").of(service.client()).client_id("bob");
    let (connection, _events) = service.open(client);
    connection.connect().await.unwrap();
    assert_eq!(connection.client_id().as_str(), Some("bob"));
    let details = connection.details().unwrap();
    assert_eq!(details.client_id().as_str(), Some("bob"));
    connection.close().await;
}

async fn other_identity_of_token_fails() {
    let service = Service::start();
    let client = Minter::new().client_id("eve").of(service.client()).client_id("bob");
    let (connection, _events) = service.open(client);
    let error = connection.connect().await.unwrap_err();
    assert_eq!((error.ably_code().as_u32(), connection.state()), (40_102, ConnectionState::Failed));
}

async fn expired_token_is_renewed() {
    let (service, minter) = (Service::start(), Minter::new().first_ttl(Duration::from_secs(60)));
    let (connection, mut events) = service.open(minter.of(service.client()));
    connection.connect().await.unwrap();
    assert_eq!(minter.count(), 1);
    states(&mut events);
    service.sandbox.advance_clock(Duration::from_secs(61));
    loop {
        let Event::Change(change) = events.next().await.unwrap() else { continue };
        if change.previous() == ConnectionState::Connecting && change.current() == ConnectionState::Connected {
            break;
        }
    }
    assert!(minter.count() >= 2);
    connection.close().await;
}

/// Returns an auth callback that gives token requests for `client_id`, which the service has to exchange.
fn token_requests(
    client_id: Option<&'static str>,
) -> impl Fn(TokenParams) -> std::future::Ready<Result<TokenRequest, Error>> + Send + Sync + 'static {
    move |_| {
        let params = TokenParams::new().client_id(client_id.map_or(ClientId::None, |id| ClientId::parse(id).unwrap()));
        std::future::ready(KeySigner::new(key()).create_token_request(&params))
    }
}

async fn connects_with_token_request() {
    let service = Service::start();
    // The exchange needs an HTTP client, with which the connection shares its tokens.
    let client = ably_auth_reqwest::Client::new(service.client().auth_callback(token_requests(None))).unwrap();
    let (connection, _events) = Connection::open(ConnectionOptions::new(client.auth())).unwrap();
    connection.connect().await.unwrap();
    assert!(connection.id().is_some() && connection.error_reason().is_none());
    connection.close().await;
}

async fn connects_as_identity_of_token_request() {
    let service = Service::start();
    let options = service.client().auth_callback(token_requests(Some("bob"))).client_id("bob");
    let client = ably_auth_reqwest::Client::new(options).unwrap();
    let (connection, _events) = Connection::open(ConnectionOptions::new(client.auth())).unwrap();
    connection.connect().await.unwrap();
    assert_eq!(client.auth().client_id().as_str(), Some("bob"));
    let details = connection.details().unwrap();
    assert_eq!(details.client_id().as_str(), Some("bob"));
    connection.close().await;
}

async fn fails(key: &'static str) -> (u32, u16) {
    let service = Service::start();
    let (connection, _events) = service.open(service.client().key(key));
    connection.connect().await.unwrap_err();
    assert_eq!(connection.state(), ConnectionState::Failed);
    let reason = connection.error_reason().unwrap();
    (reason.code().as_u32(), reason.status_code())
}

async fn invalid_key_fails() {
    let (code, status) = fails("invalid.key:secret").await;
    assert!([40_005, 40_101].contains(&code) && [401, 404].contains(&status), "{code}/{status}");
}

async fn unknown_key_fails() {
    let (code, _) = fails("nonexistent.keyname:keysecret").await;
    assert!(!(40_140..40_150).contains(&code), "{code}");
}

async fn connects() {
    let service = Service::start();
    let (connection, mut events) = service.open(service.client().key(key()));
    assert_eq!(connection.state(), ConnectionState::Initialized);
    connection.connect().await.unwrap();
    let is_word = |text: Option<String>, more: &str| {
        text.is_some_and(|text| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c) || more.contains(c))
        })
    };
    assert!(is_word(connection.id(), "") && is_word(connection.key(), "!"));
    assert_eq!(connection.error_reason(), None);
    assert_eq!(states(&mut events), [ConnectionState::Connecting, ConnectionState::Connected]);
    connection.close().await;
}

async fn closes() {
    let service = Service::start();
    let (connection, mut events) = service.open(service.client().key(key()));
    connection.connect().await.unwrap();
    states(&mut events);
    connection.close().await;
    assert_eq!((connection.id(), connection.key(), connection.error_reason()), (None, None, None));
    assert_eq!(states(&mut events), [ConnectionState::Closing, ConnectionState::Closed]);
}

async fn connects_again() {
    let service = Service::start();
    let (connection, _events) = service.open(service.client().key(key()));
    connection.connect().await.unwrap();
    let first = connection.id().unwrap();
    connection.close().await;
    connection.connect().await.unwrap();
    assert_ne!(connection.id().unwrap(), first);
    assert_eq!(connection.error_reason(), None);
    connection.close().await;
}

/// Attaches a channel, and returns the answer.
async fn attach(connection: &Connection, events: &mut Events) -> ProtocolMessage {
    connection.connect().await.unwrap();
    connection.send(ProtocolMessage::new(Action::Attach).channel("chat")).await.unwrap();
    next_message(events).await
}

async fn attaches() {
    let service = Service::start();
    let (connection, mut events) = service.open(service.client().key(key()));
    let answer = attach(&connection, &mut events).await;
    assert_eq!((answer.action(), answer.get_channel(), answer.get_error()), (Action::Attached, Some("chat"), None));
    connection.close().await;
}

async fn detaches() {
    let service = Service::start();
    let (connection, mut events) = service.open(service.client().key(key()));
    attach(&connection, &mut events).await;
    connection.send(ProtocolMessage::new(Action::Detach).channel("chat")).await.unwrap();
    let answer = next_message(&mut events).await;
    assert_eq!((answer.action(), answer.get_channel()), (Action::Detached, Some("chat")));
    connection.close().await;
}

async fn publish_without_right_is_refused() {
    let service = Service::start();
    let (connection, mut events) = service.open(service.client().key(subscriber_key()));
    assert_eq!(attach(&connection, &mut events).await.action(), Action::Attached);
    let message = Value::map([("name", Value::from("test")), ("data", Value::from("data"))]);
    let publish = ProtocolMessage::new(Action::Message).channel("chat").msg_serial(0).messages([message]);
    connection.send(publish).await.unwrap();
    let answer = next_message(&mut events).await;
    let error = answer.get_error().unwrap();
    assert_eq!((answer.action(), error.code().as_u32(), error.status_code()), (Action::Nack, 40_160, 401));
    assert_eq!(connection.state(), ConnectionState::Connected);
    connection.close().await;
}
