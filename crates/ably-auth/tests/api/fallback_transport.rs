//! Requests of a client to a service with several hosts.

use std::sync::{Arc, Mutex};

use ably_auth::{
    Async, Auth, Blocking, BlockingAuth, ClientOptions, ErrorCode, ErrorKind, FaultKind, TokenParams, TransportFault,
};
use bytes::Bytes;
use http::{Request, Response};

use super::support::{VirtualTime, answer, refusal};

const PRIMARY: &str = "main.realtime.ably.net";

type Answer = Result<Response<Bytes>, TransportFault>;

/// A service that logs its requests, and answers with the queued answers.
#[derive(Clone, Default)]
struct Service {
    log: Arc<Mutex<Vec<Request<Bytes>>>>,
    answers: Arc<Mutex<Vec<Answer>>>,
}

impl Service {
    /// Creates a service that gives these answers in order, and then the time.
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
        Auth::new(options.key("app.key:secret"), send).unwrap()
    }

    fn blocking_auth(
        &self,
        options: ClientOptions<Blocking>,
    ) -> BlockingAuth<impl ably_auth::BlockingTransport + use<>> {
        let service = self.clone();
        let send = move |request: Request<Bytes>| service.answer(request);
        BlockingAuth::new(options.key("app.key:secret"), send).unwrap()
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
async fn working_endpoint_gets_all_requests() {
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
fn routing_policy_selects_its_hosts() {
    let service = Service::with([fault(FaultKind::Unresolvable)]);
    let options = ClientOptions::new().endpoint("test");
    service.blocking_auth(options).time().unwrap();
    let hosts = service.hosts();
    assert_eq!(hosts[0], "test.realtime.ably.net");
    assert!(hosts[1].starts_with("test.") && hosts[1].ends_with(".fallback.ably-realtime.com"), "{hosts:?}");
}

#[tokio::test]
async fn every_request_to_service_uses_fallbacks() {
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
    assert_eq!(hosts[3], PRIMARY, "the endpoint is next after the failed preferred fallback");
    assert_eq!(log[0].body(), log[1].body());
    for tried in &log[2..] {
        assert_eq!((tried.method().as_str(), tried.uri().path()), ("POST", "/channels/c/messages"));
        assert_eq!((&tried.body()[..], tried.headers().contains_key("authorization")), (&b"{}"[..], true));
    }
}

#[test]
fn preference_expires_by_client_clock() {
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
fn last_answer_is_error_after_all_hosts_failed() {
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
fn error_without_status_has_status_of_answer() {
    let error = Service::with([Ok(answer(404, r#"{"error":{"code":40000,"message":"no"}}"#))])
        .blocking_auth(ClientOptions::new())
        .time()
        .unwrap_err();
    assert_eq!((error.ably_code(), error.status_code()), (ErrorCode::BAD_REQUEST, 404));
    assert_eq!(error.error_info().unwrap().status_code(), 404);
}

#[test]
fn fault_has_code_and_is_transient_if_retry_helps() {
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
