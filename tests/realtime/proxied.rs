//! The cases with a proxy between a client and the real service.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ably_auth::connection::{Action, ConnectionState, Format};
use ably_auth::{Async, Auth, ClientOptions, Error, FaultKind, TransportFault};
use ably_auth_websocket::{Connection, ConnectionOptions, Events};
use bytes::Bytes;
use http::{Request, Response};
use libtest_mimic::{Failed, Trial};

use crate::proxy::{Plan, Proxy};
use crate::service::{Minter, Service, key, run, states};

const CASES: &[(&str, fn())] = &[
    ("realtime/proxy/RTN22/server-initiated-reauth-0", || run(auth_of_service_renews)),
    ("realtime/proxy/RTN14a/fatal-connect-error-0", || run(error_instead_of_connected_fails)),
    ("realtime/proxy/RTN14b/token-error-renew-reconnect-0", || run(token_error_renews_and_connects)),
    ("realtime/proxy/RTN14d/retry-after-refused-0", || run(refused_socket_is_retried)),
    ("realtime/proxy/RTN14g/server-error-causes-failed-0", || run(server_error_instead_of_connected_fails)),
    ("realtime/proxy/RTN14c/connection-timeout-0", || run(missing_connected_times_out)),
    ("realtime/proxy/RSC10/token-renewal-on-401-0", || run(refused_request_renews_token)),
    ("realtime/proxy/RSC15m/http-503-no-fallback-0", || run(failing_request_has_no_fallback)),
    ("realtime/proxy/RTN15c7/failed-resume-new-connid-0", || run(failed_resume_is_new_connection)),
    ("realtime/proxy/RTN15h1/token-error-nonrenewable-failed-0", || run(lost_token_without_means_fails)),
    ("realtime/proxy/RTN15h3/non-token-error-reconnects-0", || run(disconnected_resumes)),
];

const TOKEN_ERROR: &str = r#"{"action":9,"error":{"code":40142,"statusCode":401,"message":"Token expired"}}"#;

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

/// A connection through a proxy, which is not connected.
struct Fixture {
    _service: Service,
    proxy: Proxy,
    minter: Minter,
    connection: Connection,
    events: Events,
}

impl Fixture {
    fn new(plans: impl IntoIterator<Item = (usize, Plan)>) -> Self {
        let minter = Minter::new();
        Self::of(&minter.clone(), plans, |client| minter.of(client), |options| options)
    }

    fn of(
        minter: &Minter,
        plans: impl IntoIterator<Item = (usize, Plan)>,
        credentials: impl FnOnce(ClientOptions<Async>) -> ClientOptions<Async>,
        settings: impl FnOnce(ConnectionOptions) -> ConnectionOptions,
    ) -> Self {
        let service = Service::start();
        let proxy = Proxy::new(service.sandbox.url(), plans);
        let options = ConnectionOptions::from_client_options(credentials(service.client())).unwrap();
        let options = options.auto_connect(false).format(Format::Json).connect_with(proxy.clone());
        let (connection, events) = Connection::open(settings(options)).unwrap();
        Self { _service: service, proxy, minter: minter.clone(), connection, events }
    }

    fn reason(&self) -> Option<(u32, u16)> {
        self.connection.error_reason().map(|reason| (reason.code().as_u32(), reason.status_code()))
    }

    /// Waits until the condition holds.
    async fn until(&self, condition: impl Fn(&Self) -> bool) {
        while !condition(self) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

async fn auth_of_service_renews() {
    let mut fixture = Fixture::new([]);
    fixture.connection.connect().await.unwrap();
    let id = fixture.connection.id();
    states(&mut fixture.events);
    fixture.proxy.inject(r#"{"action":17}"#);
    fixture.until(|fixture| fixture.proxy.count_sent(Action::Auth) == 1).await;
    assert_eq!(fixture.minter.count(), 2);
    // The service accepts the token.
    fixture.events.next().await.unwrap();
    assert!(states(&mut fixture.events).is_empty());
    assert_eq!((fixture.connection.state(), fixture.connection.id()), (ConnectionState::Connected, id));
    assert_eq!(fixture.proxy.sockets().len(), 1);
}

/// Checks that the connection fails with the error that replaces CONNECTED.
async fn fails(json: &'static str, reason: (u32, u16)) {
    let mut fixture = Fixture::new([(0, Plan::Replace(json))]);
    fixture.connection.connect().await.unwrap_err();
    assert_eq!(fixture.reason(), Some(reason));
    assert_eq!(states(&mut fixture.events), [ConnectionState::Connecting, ConnectionState::Failed]);
    assert_eq!((fixture.connection.id(), fixture.connection.key()), (None, None));
}

async fn error_instead_of_connected_fails() {
    fails(r#"{"action":9,"error":{"code":40005,"statusCode":400,"message":"Invalid key"}}"#, (40_005, 400)).await;
}

async fn server_error_instead_of_connected_fails() {
    fails(r#"{"action":9,"error":{"code":50000,"statusCode":500,"message":"Internal server error"}}"#, (50_000, 500))
        .await;
}

async fn token_error_renews_and_connects() {
    let mut fixture = Fixture::new([(0, Plan::Replace(TOKEN_ERROR))]);
    fixture.connection.connect().await.unwrap();
    assert!(fixture.connection.id().is_some() && fixture.connection.key().is_some());
    assert_eq!((fixture.minter.count(), fixture.reason()), (2, None));
    assert_eq!(states(&mut fixture.events), [ConnectionState::Connecting, ConnectionState::Connected]);
    let sockets = fixture.proxy.sockets();
    assert!(sockets.len() == 2 && sockets[0]["accessToken"] != sockets[1]["accessToken"]);
}

fn retry_after(timeout: Duration) -> impl FnOnce(ConnectionOptions) -> ConnectionOptions {
    let settings = ably_auth_websocket::ConnectionSettings::new().format(Format::Json);
    move |options| options.settings(settings.disconnected_retry_timeout(timeout))
}

async fn refused_socket_is_retried() {
    use ConnectionState::{Connected, Connecting, Disconnected};

    let minter = Minter::new();
    let retry = retry_after(Duration::from_millis(20));
    let mut fixture = Fixture::of(&minter, [(0, Plan::Refuse)], |client| minter.of(client), retry);
    fixture.connection.connect().await.unwrap();
    assert!(fixture.connection.id().is_some());
    assert_eq!(states(&mut fixture.events), [Connecting, Disconnected, Connecting, Connected]);
    assert_eq!((fixture.proxy.sockets().len(), minter.count()), (2, 1));
}

async fn missing_connected_times_out() {
    let minter = Minter::new();
    let settings = |options: ConnectionOptions| options.realtime_request_timeout(Duration::from_millis(100));
    let mut fixture = Fixture::of(&minter, [(0, Plan::Suppress)], |client| minter.of(client), settings);
    let connection = fixture.connection.clone();
    tokio::spawn(async move { connection.connect().await });
    fixture.connection.reached(ConnectionState::Disconnected).await;
    assert_eq!(fixture.reason(), Some((50_003, 500)));
    assert_eq!(states(&mut fixture.events), [ConnectionState::Connecting, ConnectionState::Disconnected]);
    assert_eq!((fixture.connection.id(), fixture.connection.key()), (None, None));
}

async fn failed_resume_is_new_connection() {
    let connected = r#"{"action":4,"connectionId":"new-id","connectionDetails":{"connectionKey":"new-key",
        "clientId":null,"maxIdleInterval":15000},"error":{"code":80008,"statusCode":400,"message":"no"}}"#;
    let fixture = Fixture::new([(1, Plan::Replace(connected))]);
    fixture.connection.connect().await.unwrap();
    let first = (fixture.connection.id().unwrap(), fixture.connection.key().unwrap());
    fixture.proxy.close();
    fixture.until(|fixture| fixture.connection.id().as_deref() == Some("new-id")).await;
    assert_eq!(fixture.connection.state(), ConnectionState::Connected);
    assert_eq!(fixture.connection.key().as_deref(), Some("new-key"));
    assert_eq!(fixture.reason(), Some((80_008, 400)));
    assert_eq!(fixture.proxy.sockets()[1]["resume"], first.1);
    assert_ne!(first.0, "new-id");
}

async fn lost_token_without_means_fails() {
    let minter = Minter::new();
    let token = ably_auth_core::jwt::mint(&key(), &Default::default(), now()).unwrap();
    let fixture = Fixture::of(&minter, [], |client| client.token(token), |options| options);
    fixture.connection.connect().await.unwrap();
    fixture.proxy.inject(&TOKEN_ERROR.replace("\"action\":9", "\"action\":6"));
    fixture.proxy.close();
    fixture.connection.reached(ConnectionState::Failed).await;
    assert_eq!(fixture.reason(), Some((40_171, 401)));
    assert_eq!(fixture.proxy.sockets().len(), 1);
}

fn now() -> ably_auth::Timestamp {
    ably_auth::Clock::now(&ably_auth::SystemClock)
}

async fn disconnected_resumes() {
    use ConnectionState::{Connected, Connecting, Disconnected};

    let mut fixture = Fixture::new([]);
    fixture.connection.connect().await.unwrap();
    let (id, key) = (fixture.connection.id(), fixture.connection.key().unwrap());
    states(&mut fixture.events);
    fixture.proxy.inject(r#"{"action":6,"error":{"code":80003,"statusCode":503,"message":"no"}}"#);
    fixture.proxy.close();
    fixture.until(|fixture| fixture.proxy.sockets().len() == 2).await;
    fixture.connection.connect().await.unwrap();
    assert_eq!(states(&mut fixture.events), [Disconnected, Connecting, Connected]);
    assert_eq!(fixture.proxy.sockets()[1]["resume"], key);
    assert_eq!((fixture.connection.id(), fixture.minter.count()), (id, 1));
}

/// Publishes over a transport whose first request to a channel gets `fault`. Returns the outcome and the statuses of the
/// requests to channels.
async fn publish(minter: &Minter, fault: Response<Bytes>) -> (Result<Response<Bytes>, Error>, Vec<u16>) {
    let service = Service::start();
    let (fault, statuses) = (Arc::new(Mutex::new(Some(fault))), Arc::<Mutex<Vec<u16>>>::default());
    let http = ureq_agent();
    let transport = {
        let statuses = Arc::clone(&statuses);
        move |request: Request<Bytes>| {
            let is_channel = request.uri().path().starts_with("/channels/");
            let fault = fault.lock().unwrap().take_if(|_| is_channel);
            let answer = fault.map_or_else(|| send(&http, request), Ok);
            if let (true, Ok(answer)) = (is_channel, &answer) {
                statuses.lock().unwrap().push(answer.status().as_u16());
            }
            std::future::ready(answer)
        }
    };
    let auth = Auth::new(minter.of(service.client()), transport).unwrap();
    let message = Request::post("/channels/chat/messages").header("content-type", "application/json");
    let outcome = auth.request(message.body(Bytes::from_static(br#"{"name":"n","data":"hello"}"#)).unwrap()).await;
    let statuses = statuses.lock().unwrap().clone();
    (outcome, statuses)
}

fn ureq_agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

fn send(http: &ureq::Agent, request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
    let (parts, body) = request.into_parts();
    let fault = |error: ureq::Error| TransportFault::new(FaultKind::Interrupted, error);
    let answer = http.run(Request::from_parts(parts, body.to_vec())).map_err(fault)?;
    let (parts, mut body) = answer.into_parts();
    let body = body.read_to_vec().map_err(fault)?;
    Ok(Response::from_parts(parts, body.into()))
}

fn refusal(status: u16, body: &'static str) -> Response<Bytes> {
    let answer = Response::builder().status(status).header("content-type", "application/json");
    answer.body(Bytes::from_static(body.as_bytes())).unwrap()
}

async fn refused_request_renews_token() {
    let minter = Minter::new();
    let body = r#"{"error":{"code":40142,"statusCode":401,"message":"Token expired"}}"#;
    let (outcome, statuses) = publish(&minter, refusal(401, body)).await;
    outcome.unwrap();
    assert_eq!((statuses, minter.count()), (vec![401, 201], 2));
}

async fn failing_request_has_no_fallback() {
    let body = r#"{"error":{"code":50300,"statusCode":503,"message":"Service temporarily unavailable"}}"#;
    let (outcome, statuses) = publish(&Minter::new(), refusal(503, body)).await;
    let error = outcome.unwrap_err();
    assert_eq!((error.ably_code().as_u32(), error.status_code(), statuses), (50_300, 503, vec![503]));
}
