//! The proxy cases: a connection and our service, with a proxy between them that injects faults. And cases of our own.

use std::time::Duration;

use ably_auth::{TokenParams, Ttl};
use ably_auth_server::Sandbox;
use ably_auth_websocket::{Action, ConnectionOptions, ConnectionSettings, ConnectionState, Format, ProtocolMessage};
use bytes::Bytes;
use http::Request;
use libtest_mimic::Trial;
use serde_json::json;

use crate::client::{Calls, Client, ClientOptions, options, trial, with_key};
use crate::fault_proxy::{Exchange, FaultProxy, Rule};

use ConnectionState::{Connected, Connecting, Disconnected, Failed};

/// A timeout that is to pass. Others keep their defaults, which no case reaches.
const SHORT: Duration = Duration::from_millis(300);

pub(crate) fn all() -> Vec<Trial> {
    vec![
        trial("realtime/proxy/RTN22/server-initiated-reauth-0", service_asks_for_a_token),
        trial("realtime/proxy/RTN14a/fatal-connect-error-0", error_instead_of_connected_fails),
        trial("realtime/proxy/RTN14b/token-error-renew-reconnect-0", token_error_is_renewed),
        trial("realtime/proxy/RTN14d/retry-after-refused-0", refused_socket_is_tried_again),
        trial("realtime/proxy/RTN14g/server-error-causes-failed-0", server_error_fails),
        trial("realtime/proxy/RTN14c/connection-timeout-0", missing_connected_times_out),
        trial("realtime/proxy/RSC10/token-renewal-on-401-0", request_renews_the_token_of_the_connection),
        trial("realtime/proxy/RSC15m/http-503-no-fallback-0", request_without_fallbacks_fails_at_once),
        trial("realtime/proxy/RTN15c7/failed-resume-new-connid-0", failed_resume_has_a_new_id),
        trial("realtime/proxy/RTN15h1/token-error-nonrenewable-failed-0", lost_token_without_means_fails),
        trial("realtime/proxy/RTN15h3/non-token-error-reconnects-0", lost_connection_is_resumed),
        trial("proxy::hung_handshake_times_out", hung_handshake_times_out),
        trial("proxy::late_connected_is_waited_for", late_connected_is_waited_for),
        trial("proxy::closed_socket_is_resumed", |format| ended_socket_is_resumed(format, FaultProxy::close)),
        trial("proxy::reset_socket_is_resumed", |format| ended_socket_is_resumed(format, FaultProxy::reset)),
        trial("proxy::silent_close_times_out", silent_close_times_out),
        trial("proxy::unanswered_authorize_is_lost_and_resumed", unanswered_authorize_is_lost_and_resumed),
    ]
}

/// A sandbox, and a proxy in front of it.
struct World {
    sandbox: Sandbox,
    proxy: FaultProxy,
    calls: Calls,
}

impl World {
    async fn new(rules: impl IntoIterator<Item = Rule>) -> Self {
        let sandbox = Sandbox::start().unwrap();
        let proxy = FaultProxy::start(sandbox.url(), rules).await;
        Self { sandbox, proxy, calls: Calls::default() }
    }

    /// Returns the options of a connection with a key.
    fn with_key(&self, format: Format) -> ConnectionOptions {
        options(self.proxy.url(), with_key(self.sandbox.key()), format)
    }

    /// Returns the options of a connection whose auth callback signs JWTs.
    fn with_jwts(&self, format: Format) -> ConnectionOptions {
        let client = self.calls.sign(ClientOptions::new(), self.sandbox.key(), |_| Ttl::DEFAULT, None);
        options(self.proxy.url(), client, format)
    }

    /// Returns a REST client whose auth callback requests tokens from the service, not through the proxy.
    fn rest_client(&self) -> ably_auth_reqwest::Client {
        let source = ably_auth_reqwest::Client::new(with_key(self.sandbox.key()).endpoint(self.sandbox.url())).unwrap();
        let calls = self.calls.clone();
        let callback = move |_: TokenParams| {
            calls.add();
            let auth = source.auth().clone();
            async move { auth.request_token(None).await }
        };
        let options = ClientOptions::new().endpoint(self.proxy.url()).auth_callback(callback);
        ably_auth_reqwest::Client::new(options).unwrap()
    }
}

fn message(json: serde_json::Value) -> ProtocolMessage {
    serde_json::from_value(json).unwrap()
}

fn error(action: Action, code: u32, status: u16) -> ProtocolMessage {
    let error = json!({ "code": code, "statusCode": status, "message": "as the proxy says" });
    message(json!({ "action": action.number(), "error": error }))
}

/// Returns the rule that replaces the first CONNECTED by an error.
fn refuses(code: u32, status: u16) -> Rule {
    Rule::Replace { action: Action::Connected, nth: 1, by: error(Action::Error, code, status) }
}

async fn service_asks_for_a_token(format: Format) {
    let world = World::new([]).await;
    let mut client = Client::open(world.with_jwts(format));
    client.enter(Connected).await;
    let id = client.id();
    world.proxy.inject(ProtocolMessage::new(Action::Auth));
    client.update().await;
    assert_eq!((client.id(), world.calls.count(), client.states()), (id, 2, vec![Connecting, Connected]));
    let [auth] = &world.proxy.sent(Action::Auth)[..] else { panic!("one AUTH was expected") };
    assert_ne!(auth.get_auth().unwrap().access_token().expose(), world.proxy.sockets()[0]["accessToken"]);
    client.close().await;
}

/// Checks that a connection fails if the service answers with an error.
async fn fails(format: Format, code: u32, status: u16) {
    let world = World::new([refuses(code, status)]).await;
    let mut client = Client::open(world.with_key(format));
    let failed = client.enter(Failed).await;
    assert_eq!(client.reason(), Some((code, status)));
    assert!(failed.reason().unwrap().to_string().contains("as the proxy says"));
    assert_eq!(client.states(), [Connecting, Failed]);
    assert_eq!((client.connection.id(), client.connection.key()), (None, None));
    assert_eq!(world.proxy.sockets().len(), 1);
}

async fn error_instead_of_connected_fails(format: Format) {
    fails(format, 40005, 400).await;
}

async fn server_error_fails(format: Format) {
    fails(format, 50000, 500).await;
}

async fn token_error_is_renewed(format: Format) {
    let world = World::new([refuses(40142, 401)]).await;
    let client = world.rest_client();
    let mut client = Client::open(ConnectionOptions::new(client.auth()).format(format));
    client.enter(Connected).await;
    assert!(!client.id().is_empty() && client.connection.key().is_some());
    assert_eq!((client.reason(), world.calls.count()), (None, 2));
    let tokens: Vec<String> = world.proxy.sockets().iter().map(|query| query["accessToken"].clone()).collect();
    assert_eq!(tokens.len(), 2);
    assert_ne!(tokens[0], tokens[1], "the refused token is not offered again");
    client.close().await;
}

async fn refused_socket_is_tried_again(format: Format) {
    let world = World::new([Rule::Refuse { socket: 1 }]).await;
    let settings = ConnectionSettings::new().format(format).disconnected_retry_timeout(SHORT);
    let mut client = Client::open(world.with_key(format).settings(settings));
    let lost = client.enter(Disconnected).await;
    assert!(lost.retry_in().is_some() && lost.reason().is_some());
    client.enter(Connected).await;
    assert_eq!(client.states(), [Connecting, Disconnected, Connecting, Connected]);
    assert!(!client.id().is_empty() && client.connection.key().is_some());
    assert_eq!((client.reason(), world.proxy.sockets().len()), (None, 2));
    client.close().await;
}

/// Returns settings with a short time for the service to answer.
fn hasty(format: Format) -> ConnectionSettings {
    ConnectionSettings::new().format(format).realtime_request_timeout(SHORT)
}

async fn missing_connected_times_out(format: Format) {
    let world = World::new([Rule::Suppress { action: Action::Connected }]).await;
    let mut client = Client::open(world.with_key(format).settings(hasty(format)));
    client.enter(Disconnected).await;
    assert!(matches!(client.reason(), Some((50003 | 80003, _))), "{:?}", client.reason());
    assert_eq!(client.states(), [Connecting, Disconnected]);
    assert_eq!((client.connection.id(), client.connection.key()), (None, None));
}

/// Publishes a message by REST.
async fn publish(client: &ably_auth_reqwest::Client) -> Result<(), ably_auth::Error> {
    let body = Bytes::from_static(br#"{"name":"greeting","data":"hello"}"#);
    let request = Request::post("/channels/chat/messages").header("content-type", "application/json").body(body);
    client.request(request.unwrap()).await.map(drop)
}

fn statuses(exchanges: &[Exchange]) -> Vec<u16> {
    assert!(exchanges.iter().all(|exchange| exchange.path.starts_with("/channels/chat/messages")), "{exchanges:?}");
    exchanges.iter().map(|exchange| exchange.status).collect()
}

async fn request_renews_the_token_of_the_connection(format: Format) {
    let body = r#"{"error":{"code":40142,"statusCode":401,"message":"token expired"}}"#;
    let world = World::new([Rule::Respond { part: "/channels/", status: 401, body }]).await;
    let rest = world.rest_client();
    publish(&rest).await.unwrap();
    assert_eq!((statuses(&world.proxy.take_exchanges()), world.calls.count()), (vec![401, 201], 2));
    let mut client = Client::open(ConnectionOptions::new(rest.auth()).format(format));
    client.enter(Connected).await;
    let token = rest.auth().token_details().unwrap();
    assert_eq!(world.proxy.sockets()[0]["accessToken"], token.token().expose());
    assert_eq!(world.calls.count(), 2, "the connection uses the token of the request");
    client.close().await;
}

async fn request_without_fallbacks_fails_at_once(format: Format) {
    let body = r#"{"error":{"code":50300,"statusCode":503,"message":"temporarily unavailable"}}"#;
    let world = World::new([Rule::Respond { part: "/channels/", status: 503, body }]).await;
    let rest = world.rest_client();
    let error = publish(&rest).await.unwrap_err();
    assert_eq!((error.ably_code().as_u32(), error.status_code()), (50300, 503));
    assert_eq!(statuses(&world.proxy.take_exchanges()), [503]);
    // The token is good, so the connection uses it.
    let mut client = Client::open(ConnectionOptions::new(rest.auth()).format(format));
    client.enter(Connected).await;
    assert_eq!(world.calls.count(), 1);
    client.close().await;
}

async fn failed_resume_has_a_new_id(format: Format) {
    let details = json!({ "connectionKey": "new-key", "connectionStateTtl": 120_000, "maxIdleInterval": 15_000 });
    let error = json!({ "code": 80008, "statusCode": 400, "message": "unable to recover the connection" });
    let connected = json!({ "action": 4, "connectionId": "new-id", "connectionDetails": details, "error": error });
    let rule = Rule::Replace { action: Action::Connected, nth: 2, by: message(connected) };
    let world = World::new([rule]).await;
    let mut client = Client::open(world.with_jwts(format));
    client.enter(Connected).await;
    let key = client.connection.key().unwrap();
    assert_ne!(client.id(), "new-id");
    world.proxy.close();
    client.enter(Disconnected).await;
    let change = client.enter(Connected).await;
    assert!(!change.is_resumed());
    assert_eq!((client.id(), client.connection.key().as_deref()), ("new-id".to_owned(), Some("new-key")));
    assert_eq!(client.reason(), Some((80008, 400)));
    assert_eq!(resumes(&world.proxy), [None, Some(key)]);
    client.close().await;
}

/// Returns the `resume` of each socket.
fn resumes(proxy: &FaultProxy) -> Vec<Option<String>> {
    proxy.sockets().iter().map(|query| query.get("resume").cloned()).collect()
}

async fn lost_token_without_means_fails(format: Format) {
    let world = World::new([]).await;
    let rest = ably_auth_reqwest::Client::new(with_key(world.sandbox.key()).endpoint(world.sandbox.url())).unwrap();
    let token = rest.auth().request_token(None).await.unwrap().token().clone();
    let mut client = Client::open(options(world.proxy.url(), ClientOptions::new().token(token), format));
    client.enter(Connected).await;
    world.proxy.inject(error(Action::Disconnected, 40142, 401));
    world.proxy.close();
    client.enter(Failed).await;
    assert_eq!(client.reason().map(|(code, _)| code), Some(40171));
    assert_eq!(world.proxy.sockets().len(), 1);
}

async fn lost_connection_is_resumed(format: Format) {
    let world = World::new([]).await;
    let mut client = Client::open(world.with_jwts(format));
    client.enter(Connected).await;
    let (id, key) = (client.id(), client.connection.key().unwrap());
    world.proxy.inject(error(Action::Disconnected, 80003, 500));
    world.proxy.close();
    let lost = client.enter(Disconnected).await;
    assert_eq!(lost.reason().map(|reason| reason.code().as_u32()), Some(80003));
    let change = client.enter(Connected).await;
    assert!(change.is_resumed());
    assert_eq!(client.states(), [Connecting, Connected, Disconnected, Connecting, Connected]);
    assert_eq!((client.id(), client.reason(), world.calls.count()), (id, None, 1));
    assert_eq!(resumes(&world.proxy), [None, Some(key)]);
    client.close().await;
}

async fn hung_handshake_times_out(format: Format) {
    let world = World::new([Rule::Hang { socket: 1 }]).await;
    let settings = hasty(format).disconnected_retry_timeout(SHORT);
    let mut client = Client::open(world.with_key(format).settings(settings));
    client.enter(Disconnected).await;
    assert!(matches!(client.reason(), Some((50003 | 80003, _))), "{:?}", client.reason());
    // The next attempts may be late too, on a machine with much else to do.
    client.enter(Connected).await;
    assert!(world.proxy.sockets().len() >= 2);
    client.close().await;
}

async fn late_connected_is_waited_for(format: Format) {
    let world = World::new([Rule::Delay { action: Action::Connected, nth: 1, by: SHORT }]).await;
    let mut client = Client::open(world.with_key(format));
    client.enter(Connected).await;
    assert_eq!((client.states(), world.proxy.sockets().len()), (vec![Connecting, Connected], 1));
    client.close().await;
}

async fn ended_socket_is_resumed(format: Format, end: fn(&FaultProxy)) {
    let world = World::new([]).await;
    let mut client = Client::open(world.with_jwts(format));
    client.enter(Connected).await;
    let (id, key) = (client.id(), client.connection.key().unwrap());
    client.send(ProtocolMessage::new(Action::Attach).channel("chat")).await;
    client.receive(Action::Attached).await;
    end(&world.proxy);
    client.enter(Disconnected).await;
    assert!(client.enter(Connected).await.is_resumed());
    assert_eq!((client.id(), resumes(&world.proxy)), (id, vec![None, Some(key)]));
    assert_eq!(world.calls.count(), 1, "the token is still good");
    client.close().await;
}

async fn silent_close_times_out(format: Format) {
    let world = World::new([Rule::Suppress { action: Action::Closed }]).await;
    let mut client = Client::open(world.with_key(format).realtime_request_timeout(SHORT));
    client.connection.connect().await.ok();
    client.enter(Connected).await;
    client.connection.close().await;
    client.enter(ConnectionState::Closed).await;
    assert_eq!((client.reason(), client.connection.id()), (None, None));
}

async fn unanswered_authorize_is_lost_and_resumed(format: Format) {
    let world = World::new([]).await;
    let mut client = Client::open(world.with_jwts(format).realtime_request_timeout(Duration::from_secs(2)));
    client.enter(Connected).await;
    world.proxy.withhold(Action::Connected);
    client.connection.authorize(None).await.unwrap();
    client.enter(Disconnected).await;
    client.enter(Connected).await;
    let tokens: Vec<String> = world.proxy.sockets().iter().map(|query| query["accessToken"].clone()).collect();
    let auth = &world.proxy.sent(Action::Auth)[0];
    assert_eq!(tokens.last().unwrap(), auth.get_auth().unwrap().access_token().expose());
    client.close().await;
}
