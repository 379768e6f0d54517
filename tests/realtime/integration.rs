//! The integration cases: a connection and our service, over real sockets.

use std::time::Duration;

use ably_auth::{ApiKey, TokenParams, Ttl};
use ably_auth_server::{App, Key, Sandbox};
use ably_auth_websocket::{Action, ConnectionOptions, ConnectionState, Format, ProtocolMessage, Value, flags};
use libtest_mimic::Trial;

use crate::client::{Calls, Client, ClientOptions, options, trial, with_key};

/// The lifetime of tokens that are not to expire.
const LONG: Ttl = Ttl::DEFAULT;

pub(crate) fn all() -> Vec<Trial> {
    vec![
        trial("realtime/integration/RTC8a/in-band-reauth-connected-0", authorize_keeps_the_connection),
        trial("realtime/integration/RTC8c/authorize-initiates-connection-0", authorize_connects),
        trial("realtime/integration/RSA8/token-auth-connect-0", jwt_connects),
        trial("realtime/integration/RSA7/matching-clientid-succeeds-0", same_client_id_connects),
        trial("realtime/integration/RSA7/mismatched-clientid-fails-1", other_client_id_fails),
        trial("realtime/integration/RSA4b/token-renewal-on-expiry-0", expired_token_is_renewed),
        trial("realtime/integration/RSA9a/token-request-server-accepted-0", token_request_connects),
        trial("realtime/integration/RSA9/token-request-with-clientid-0", token_request_has_client_id),
        trial("realtime/integration/RTN14a/invalid-key-failed-0", unknown_key_fails),
        trial("realtime/integration/RTN14g/revoked-key-failed-0", key_of_no_app_fails),
        trial("realtime/integration/RTN4b/successful-connection-0", connection_is_opened),
        trial("realtime/integration/RTN4c/graceful-close-0", connection_is_closed),
        trial("realtime/integration/RTN11/connect-reconnect-cycle-0", closed_connection_connects_again),
        trial("realtime/integration/RTL4c/attach-succeeds-0", channel_is_attached),
        trial("realtime/integration/RTL5d/detach-succeeds-0", channel_is_detached),
        trial("realtime/integration/RTL14/insufficient-capability-failed-0", missing_right_ends_no_connection),
    ]
}

/// Returns the options of a connection whose auth callback signs JWTs, and the calls of that.
fn with_jwts(sandbox: &Sandbox, client: ClientOptions, format: Format) -> (ConnectionOptions, Calls) {
    let calls = Calls::default();
    let client = calls.sign(client, sandbox.key(), |_| LONG, None);
    (options(sandbox.url(), client, format), calls)
}

async fn authorize_keeps_the_connection(format: Format) {
    let sandbox = Sandbox::start().unwrap();
    let (options, calls) = with_jwts(&sandbox, ClientOptions::new(), format);
    let mut client = Client::open(options);
    client.enter(ConnectionState::Connected).await;
    let id = client.id();
    let details = client.connection.authorize(None).await.unwrap();
    assert!(!details.token().expose().is_empty());
    client.update().await;
    assert_eq!((client.id(), calls.count()), (id, 2));
    assert_eq!(client.states(), [ConnectionState::Connecting, ConnectionState::Connected]);
    client.close().await;
}

async fn authorize_connects(format: Format) {
    let sandbox = Sandbox::start().unwrap();
    let (options, calls) = with_jwts(&sandbox, ClientOptions::new(), format);
    let client = Client::open(options.auto_connect(false));
    assert_eq!(client.connection.state(), ConnectionState::Initialized);
    client.connection.authorize(None).await.unwrap();
    assert_eq!((client.connection.state(), calls.count()), (ConnectionState::Connected, 1));
    assert!(!client.id().is_empty());
    client.close().await;
}

async fn jwt_connects(format: Format) {
    let sandbox = Sandbox::start().unwrap();
    let (options, calls) = with_jwts(&sandbox, ClientOptions::new(), format);
    let client = Client::open(options);
    client.connection.connect().await.unwrap();
    assert!(!client.id().is_empty());
    assert_eq!((client.reason(), calls.count()), (None, 1));
    client.close().await;
}

async fn same_client_id_connects(format: Format) {
    let sandbox = Sandbox::start().unwrap();
    let client = Calls::default().sign(ClientOptions::new(), sandbox.key(), |_| LONG, Some("bob"));
    let client = Client::open(options(sandbox.url(), client.client_id("bob"), format));
    client.connection.connect().await.unwrap();
    assert_eq!(client.connection.client_id().as_str(), Some("bob"));
    assert_eq!(client.connection.details().unwrap().client_id().as_str(), Some("bob"));
    client.close().await;
}

async fn other_client_id_fails(format: Format) {
    let sandbox = Sandbox::start().unwrap();
    let calls = Calls::default();
    let client = calls.sign(ClientOptions::new(), sandbox.key(), |_| LONG, Some("ann"));
    let mut client = Client::open(options(sandbox.url(), client.client_id("bob"), format));
    let error = client.connection.connect().await.unwrap_err();
    assert_eq!(error.ably_code().as_u32(), 40102);
    client.enter(ConnectionState::Failed).await;
    assert_eq!((client.reason(), calls.count()), (Some((40102, 401)), 1));
}

/// The service's clock is moved over the expiry of the first token, so that the case does not wait for it.
async fn expired_token_is_renewed(format: Format) {
    let sandbox = Sandbox::start().unwrap();
    let calls = Calls::default();
    let ttl = |call| if call == 1 { Ttl::from_millis(60_000).unwrap() } else { LONG };
    let client = calls.sign(ClientOptions::new(), sandbox.key(), ttl, None);
    let mut client = Client::open(options(sandbox.url(), client, format));
    client.enter(ConnectionState::Connected).await;
    let id = client.id();
    assert_eq!(calls.count(), 1);
    sandbox.advance_clock(Duration::from_secs(61));
    let lost = client.leave().await;
    assert_eq!(lost.reason().map(|reason| reason.code().as_u32()), Some(40142));
    let resumed = client.enter(ConnectionState::Connected).await;
    assert!(resumed.is_resumed());
    assert_eq!((client.id(), client.reason(), calls.count()), (id, None, 2));
    client.close().await;
}

/// Opens a connection with the token requests that another client signs for `client_id`.
fn with_requests(sandbox: &Sandbox, client: ClientOptions, client_id: Option<&str>, format: Format) -> Client {
    let creator = ably_auth_reqwest::Client::new(with_key(sandbox.key()).endpoint(sandbox.url())).unwrap();
    let params = client_id.map(|id| TokenParams::new().client_id(id));
    let callback = move |_: TokenParams| {
        let (auth, params) = (creator.auth().clone(), params.clone());
        async move { auth.create_token_request(params.as_ref()).await }
    };
    let own = ably_auth_reqwest::Client::new(client.endpoint(sandbox.url()).auth_callback(callback)).unwrap();
    Client::open(ConnectionOptions::new(own.auth()).format(format))
}

async fn token_request_connects(format: Format) {
    let sandbox = Sandbox::start().unwrap();
    let client = with_requests(&sandbox, ClientOptions::new(), None, format);
    client.connection.connect().await.unwrap();
    assert!(!client.id().is_empty());
    assert_eq!(client.reason(), None);
    client.close().await;
}

async fn token_request_has_client_id(format: Format) {
    let sandbox = Sandbox::start().unwrap();
    let client = with_requests(&sandbox, ClientOptions::new().client_id("bob"), Some("bob"), format);
    client.connection.connect().await.unwrap();
    assert_eq!(client.connection.client_id().as_str(), Some("bob"));
    client.close().await;
}

/// Opens a connection with a key that the service refuses, and returns the reason.
async fn refusal(key: &str, format: Format) -> (u32, u16) {
    let sandbox = Sandbox::start().unwrap();
    let key = key.replace("{app}", sandbox.app().id()).parse::<ApiKey>().unwrap();
    let mut client = Client::open(options(sandbox.url(), with_key(&key), format));
    client.connection.connect().await.unwrap_err();
    client.enter(ConnectionState::Failed).await;
    assert_eq!(client.states(), [ConnectionState::Connecting, ConnectionState::Failed]);
    client.reason().unwrap()
}

async fn unknown_key_fails(format: Format) {
    assert_eq!(refusal("invalid.key:secret", format).await, (40101, 401));
}

async fn key_of_no_app_fails(format: Format) {
    for key in ["nonexistent.keyname:keysecret", "{app}.keyname:keysecret"] {
        let (code, _) = refusal(key, format).await;
        assert!(!(40140..40150).contains(&code), "{key}: {code} is a token error");
    }
}

/// Opens a connection with the sandbox's own key.
async fn connected(sandbox: &Sandbox, format: Format) -> Client {
    let mut client = Client::open(options(sandbox.url(), with_key(sandbox.key()), format));
    client.enter(ConnectionState::Connected).await;
    client
}

async fn connection_is_opened(format: Format) {
    let sandbox = Sandbox::start().unwrap();
    let mut client = Client::open(options(sandbox.url(), with_key(sandbox.key()), format).auto_connect(false));
    assert_eq!(client.connection.state(), ConnectionState::Initialized);
    client.connection.connect().await.unwrap();
    client.enter(ConnectionState::Connected).await;
    assert_eq!(client.states(), [ConnectionState::Connecting, ConnectionState::Connected]);
    let consists_of = |text: &str, others: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
    };
    assert!(consists_of(&client.id(), "-_"), "{}", client.id());
    assert!(consists_of(&client.connection.key().unwrap(), "-_!"));
    assert_eq!(client.reason(), None);
    client.close().await;
}

async fn connection_is_closed(format: Format) {
    let sandbox = Sandbox::start().unwrap();
    let mut client = connected(&sandbox, format).await;
    client.connection.close().await;
    client.enter(ConnectionState::Closing).await;
    client.enter(ConnectionState::Closed).await;
    assert_eq!(client.connection.state(), ConnectionState::Closed);
    assert_eq!((client.connection.id(), client.connection.key(), client.reason()), (None, None, None));
}

async fn closed_connection_connects_again(format: Format) {
    let sandbox = Sandbox::start().unwrap();
    let client = connected(&sandbox, format).await;
    let first = client.id();
    client.connection.close().await;
    client.connection.connect().await.unwrap();
    assert_ne!(client.id(), first);
    assert_eq!(client.reason(), None);
    client.close().await;
}

/// Attaches the channel, and returns the answer of the service.
async fn attach(client: &mut Client, channel: &str) -> ProtocolMessage {
    client.send(ProtocolMessage::new(Action::Attach).channel(channel)).await;
    let attached = client.receive(Action::Attached).await;
    assert_eq!((attached.get_channel(), attached.get_error()), (Some(channel), None));
    attached
}

async fn channel_is_attached(format: Format) {
    let sandbox = Sandbox::start().unwrap();
    let mut client = connected(&sandbox, format).await;
    attach(&mut client, "chat").await;
    client.close().await;
}

async fn channel_is_detached(format: Format) {
    let sandbox = Sandbox::start().unwrap();
    let mut client = connected(&sandbox, format).await;
    attach(&mut client, "chat").await;
    client.send(ProtocolMessage::new(Action::Detach).channel("chat")).await;
    let detached = client.receive(Action::Detached).await;
    assert_eq!((detached.get_channel(), detached.get_error()), (Some("chat"), None));
    client.close().await;
}

async fn missing_right_ends_no_connection(format: Format) {
    let key = Key::new("shop.reader:secret".parse().unwrap());
    let key = key.with_capability(r#"{"news":["subscribe"]}"#.parse().unwrap());
    let sandbox = Sandbox::builder().app(App::new("shop").unwrap().with_key(key).unwrap()).start().unwrap();
    let mut client = connected(&sandbox, format).await;
    let attached = attach(&mut client, "news").await;
    assert_eq!(attached.get_flags() & (flags::SUBSCRIBE | flags::PUBLISH), flags::SUBSCRIBE);

    let message = Value::map([("data", Value::from("hello"))]);
    client.send(ProtocolMessage::new(Action::Message).channel("news").msg_serial(0).messages([message])).await;
    let refused = client.receive(Action::Nack).await;
    assert_eq!((refused.get_msg_serial(), code(&refused)), (Some(0), (40160, 401)));

    client.send(ProtocolMessage::new(Action::Attach).channel("secrets")).await;
    let refused = client.receive(Action::Error).await;
    assert_eq!((refused.get_channel(), code(&refused)), (Some("secrets"), (40160, 401)));
    assert_eq!((client.connection.state(), client.reason()), (ConnectionState::Connected, None));
    client.close().await;
}

/// Returns the code and the status of the error in a message.
fn code(message: &ProtocolMessage) -> (u32, u16) {
    let error = message.get_error().expect("an error");
    (error.code().as_u32(), error.status_code())
}
