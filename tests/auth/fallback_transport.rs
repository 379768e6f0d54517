//! A client's requests to a service that has several hosts.

use std::sync::{Arc, Mutex};

use ably_auth::{
    ApiKey, Async, Auth, Blocking, BlockingAuth, ClientOptions, ErrorCode, ErrorKind, FaultKind, TokenParams,
    TransportFault,
};
use bytes::Bytes;
use http::{Request, Response};

use super::support::{VirtualTime, answer, refusal};

const PRIMARY: &str = "main.realtime.ably.net";

type Answer = Result<Response<Bytes>, TransportFault>;

/// What was sent, and what becomes of it.
#[derive(Clone, Default)]
struct Service {
    log: Arc<Mutex<Vec<Request<Bytes>>>>,
    answers: Arc<Mutex<Vec<Answer>>>,
}

impl Service {
    /// A service that gives these answers in this order, and then the time.
    fn with(answers: impl IntoIterator<Item = Answer>) -> Self {
        let service = Self::default();
        service.answers.lock().unwrap().extend(answers);
        service.answers.lock().unwrap().reverse();
        service
    }

    fn answer(&self, request: Request<Bytes>) -> Answer {
        self.log.lock().unwrap().push(request);
        self.answers.lock().unwrap().pop().unwrap_or_else(|| Ok(answer(200, "[1704067200000]")))
    }

    fn auth(&self, options: ClientOptions<Async>) -> Auth<impl ably_auth::Transport + use<>> {
        let service = self.clone();
        let send = move |request: Request<Bytes>| {
            let answer = service.answer(request);
            async move { answer }
        };
        Auth::new(options.key(ApiKey::parse("app.key:secret").unwrap()), send).unwrap()
    }

    fn blocking_auth(
        &self,
        options: ClientOptions<Blocking>,
    ) -> BlockingAuth<impl ably_auth::BlockingTransport + use<>> {
        let service = self.clone();
        let send = move |request: Request<Bytes>| service.answer(request);
        BlockingAuth::new(options.key(ApiKey::parse("app.key:secret").unwrap()), send).unwrap()
    }

    fn hosts(&self) -> Vec<String> {
        self.log.lock().unwrap().iter().map(|request| request.uri().host().unwrap().to_owned()).collect()
    }
}

fn fault(kind: FaultKind) -> Answer {
    Err(TransportFault::new(kind, "it failed"))
}

/// rest/unit/RSC25/default-primary-domain-0
/// rest/unit/RSC25/multiple-requests-primary-domain-2
/// rest/unit/RSC25/request-path-preserved-4
#[tokio::test]
async fn requests_go_to_the_endpoint_as_long_as_it_serves_them() {
    let service = Service::default();
    let auth = service.auth(ClientOptions::new());
    for _ in 0..2 {
        auth.time().await.unwrap();
    }
    let history = Request::get("/channels/test-channel/messages?limit=2").body(Bytes::new()).unwrap();
    auth.request(history).await.unwrap();
    assert_eq!(service.hosts(), [PRIMARY; 3]);
    let last = service.log.lock().unwrap().pop().unwrap();
    assert_eq!(last.uri().path_and_query().unwrap().as_str(), "/channels/test-channel/messages?limit=2");
}

/// rest/unit/RSC25/custom-endpoint-domain-1
#[test]
fn another_routing_policy_has_other_hosts() {
    let service = Service::with([fault(FaultKind::Unresolvable)]);
    let options = ClientOptions::new().endpoint(ably_auth::Endpoint::parse("test").unwrap());
    service.blocking_auth(options).time().unwrap();
    let hosts = service.hosts();
    assert_eq!(hosts[0], "test.realtime.ably.net");
    assert!(hosts[1].starts_with("test.") && hosts[1].ends_with(".fallback.ably-realtime.com"), "{hosts:?}");
}

#[tokio::test]
async fn whatever_a_client_asks_of_the_service_is_asked_of_its_other_hosts_too() {
    let token = r#"{"token":"app.t","issued":0,"expires":1000}"#;
    let service = Service::with([
        fault(FaultKind::TimedOut),
        Ok(answer(201, token)),
        fault(FaultKind::Interrupted),
        Ok(answer(502, "<html>")),
        Ok(answer(200, "{}")),
    ]);
    let auth = service.auth(ClientOptions::new());
    auth.request_token(&TokenParams::new()).await.unwrap();
    auth.request(Request::post("/channels/c/messages").body("{}".into()).unwrap()).await.unwrap();
    let (hosts, log) = (service.hosts(), service.log.lock().unwrap());
    assert_eq!((hosts.len(), hosts[0].as_str(), hosts[1] == hosts[2]), (5, PRIMARY, true), "{hosts:?}");
    assert_eq!(hosts[3], PRIMARY, "after the fallback that worked for the token request");
    assert_eq!(log[0].body(), log[1].body());
    for tried in &log[2..] {
        assert_eq!((tried.method().as_str(), tried.uri().path()), ("POST", "/channels/c/messages"));
        assert_eq!((&tried.body()[..], tried.headers().contains_key("authorization")), (&b"{}"[..], true));
    }
}

#[test]
fn the_preferred_fallback_goes_by_the_client_s_clock() {
    let service = Service::with([Ok(answer(503, "{}"))]);
    let time = VirtualTime::default();
    let auth = service.blocking_auth(ClientOptions::new().clock(time.clock()));
    auth.time().unwrap();
    time.advance(599_999);
    auth.time().unwrap();
    time.advance(1);
    auth.time().unwrap();
    let hosts = service.hosts();
    assert_eq!((&hosts[1], hosts[3].as_str()), (&hosts[2], PRIMARY), "{hosts:?}");
}

/// rest/proxy/RSC15l/http-5xx-json-error-parsed-0
/// rest/proxy/RSC15l/http-5xx-no-json-synthesized-1
#[test]
fn when_no_host_is_left_the_last_answer_is_the_error() {
    let none = || ClientOptions::new().fallback_hosts([] as [&str; 0]);
    let body = r#"{"error":{"code":50300,"statusCode":503,"message":"Service temporarily unavailable"}}"#;
    let error = Service::with([Ok(answer(503, body))]).blocking_auth(none()).time().unwrap_err();
    assert_eq!((error.ably_code().as_u32(), error.status_code(), error.is_transient()), (50300, 503, true));
    assert!(error.to_string().contains("Service temporarily unavailable"));
    for body in ["{}", r#"{"error":{}}"#, "<html>", ""] {
        let error = Service::with([Ok(answer(503, body))]).blocking_auth(none()).time().unwrap_err();
        assert_eq!((error.kind(), error.status_code()), (ErrorKind::Refused, 503), "{body}");
    }
    let error = Service::with([
        Ok(refusal(500, 50000)),
        fault(FaultKind::Unreachable),
        Ok(answer(503, body)),
        Ok(refusal(504, 50003)),
    ])
    .blocking_auth(ClientOptions::new())
    .time()
    .unwrap_err();
    assert_eq!((error.ably_code(), error.status_code()), (ErrorCode::TIMEOUT, 504));
}

#[test]
fn an_error_that_names_no_status_has_that_of_its_answer() {
    let error = Service::with([Ok(answer(404, r#"{"error":{"code":40000,"message":"no"}}"#))])
        .blocking_auth(ClientOptions::new())
        .time()
        .unwrap_err();
    assert_eq!((error.ably_code(), error.status_code()), (ErrorCode::BAD_REQUEST, 404));
    assert_eq!(error.error_info().unwrap().status_code(), 404);
}

#[test]
fn each_fault_has_a_code_and_says_whether_to_try_again() {
    let cases = [
        (FaultKind::TimedOut, ErrorCode::TIMEOUT, 500, true),
        (FaultKind::Unreachable, ErrorCode::INTERNAL, 500, true),
        (FaultKind::Unresolvable, ErrorCode::INTERNAL, 500, true),
        (FaultKind::Interrupted, ErrorCode::INTERNAL, 500, true),
        (FaultKind::TooLarge, ErrorCode::INVALID_BODY, 400, false),
    ];
    for (kind, code, status, transient) in cases {
        let none = ClientOptions::new().fallback_hosts([] as [&str; 0]);
        let error = Service::with([fault(kind)]).blocking_auth(none).time().unwrap_err();
        assert_eq!(
            (error.ably_code(), error.status_code(), error.is_transient()),
            (code, status, transient),
            "{kind:?}"
        );
        assert_eq!(error.transport_fault().unwrap().kind(), kind);
    }
}
