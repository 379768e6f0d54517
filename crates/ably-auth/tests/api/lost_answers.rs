//! Lost answers: the service has exchanged the request, but the client does not know it.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ably_auth::sources::KeySigner;
use ably_auth::{
    ApiKey, Async, Auth, Blocking, BlockingAuth, ClientOptions, Error, ErrorCode, FaultKind, Mode, TokenDetails,
    TokenParams, TokenRequest, TransportFault,
};
use bytes::Bytes;
use http::{Request, Response};

use super::support::{answer, block_on, refusal};

type Answer = Result<Response<Bytes>, TransportFault>;

/// A service of several hosts that exchanges each nonce once. The answers to its first exchanges are lost.
#[derive(Clone)]
struct Service(Arc<Inner>);

struct Inner {
    lose: fn() -> Answer,
    losses_left: AtomicUsize,
    replays_left: AtomicUsize,
    nonces: Mutex<HashSet<String>>,
    exchanges: AtomicUsize,
    /// The number of requests signed for the auth callback and the auth URL.
    signed: AtomicUsize,
}

impl Service {
    fn losing(losses: usize, lose: fn() -> Answer) -> Self {
        Self(Arc::new(Inner {
            lose,
            losses_left: AtomicUsize::new(losses),
            replays_left: AtomicUsize::new(0),
            nonces: Mutex::default(),
            exchanges: AtomicUsize::new(0),
            signed: AtomicUsize::new(0),
        }))
    }

    /// Creates a service that refuses its first `replays` exchanges as replays.
    fn replayed(replays: usize) -> Self {
        let service = Self::losing(0, || unreachable!());
        service.0.replays_left.store(replays, Ordering::SeqCst);
        service
    }

    fn send(&self, request: &Request<Bytes>) -> Answer {
        if request.uri().host() == Some("example.com") {
            let body = serde_json::to_vec(&self.sign()).unwrap();
            return Ok(Response::builder().header("content-type", "application/json").body(body.into()).unwrap());
        }
        self.0.exchanges.fetch_add(1, Ordering::SeqCst);
        let signed: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
        let nonce = signed["nonce"].as_str().unwrap().to_owned();
        let is_new = self.0.nonces.lock().unwrap().insert(nonce.clone());
        if !is_new || take(&self.0.replays_left) {
            return Ok(refusal(401, 40105));
        }
        if take(&self.0.losses_left) {
            return (self.0.lose)();
        }
        Ok(answer(201, format!(r#"{{"token":"app.{nonce}"}}"#)))
    }

    fn sign(&self) -> TokenRequest {
        self.0.signed.fetch_add(1, Ordering::SeqCst);
        KeySigner::new(key()).create_token_request(&TokenParams::new()).unwrap()
    }

    fn exchanges(&self) -> usize {
        self.0.exchanges.load(Ordering::SeqCst)
    }
}

fn take(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

fn key() -> ApiKey {
    ApiKey::parse("app.key:secret").unwrap()
}

const SOURCES: [&str; 3] = ["key", "callback", "URL"];

fn options<M: Mode>(source: &str) -> ClientOptions<M> {
    let options = ClientOptions::new().use_token_auth(true);
    match source {
        "key" => options.key(key()),
        "URL" => options.auth_url("https://example.com/ably"),
        _ => options,
    }
}

/// Returns the tokens that the blocking and the async client get with `source`, and the service of each.
fn tokens(source: &str, service: impl Fn() -> Service) -> [(Result<TokenDetails, Error>, Service); 2] {
    let over = service();
    let (sends, signs) = (over.clone(), over.clone());
    let mut client_options = options::<Blocking>(source);
    if source == "callback" {
        client_options = client_options.auth_callback(move |_: &TokenParams| Ok::<_, Error>(signs.sign()));
    }
    let blocking = BlockingAuth::new(client_options, move |request: Request<Bytes>| sends.send(&request)).unwrap();
    let first = (blocking.authorize(None), over);

    let over = service();
    let (sends, signs) = (over.clone(), over.clone());
    let mut client_options = options::<Async>(source);
    if source == "callback" {
        client_options =
            client_options.auth_callback(move |_: TokenParams| std::future::ready(Ok::<_, Error>(signs.sign())));
    }
    let auth =
        Auth::new(client_options, move |request: Request<Bytes>| std::future::ready(sends.send(&request))).unwrap();
    [first, (block_on(auth.authorize(None)), over)]
}

#[test]
fn lost_answer_leads_to_token_by_new_request() {
    let losses: [fn() -> Answer; 5] = [
        || Err(TransportFault::new(FaultKind::TimedOut, "10 s passed")),
        || Err(TransportFault::new(FaultKind::Interrupted, "reset")),
        || Ok(answer(500, "")),
        || Ok(answer(504, "<html>")),
        || Ok(Response::builder().status(403).header("server", "CloudFront").body(Bytes::new()).unwrap()),
    ];
    for lose in losses {
        for source in SOURCES {
            for (token, service) in tokens(source, || Service::losing(1, lose)) {
                assert!(token.is_ok(), "{source}: {token:?}");
                assert_eq!(service.exchanges(), 3, "{source}: lost, replayed, exchanged");
            }
        }
    }
}

#[test]
fn second_replay_is_an_error() {
    for source in SOURCES {
        for (token, service) in tokens(source, || Service::replayed(9)) {
            assert_eq!(token.unwrap_err().ably_code(), ErrorCode::NONCE_REPLAYED, "{source}");
            assert_eq!(service.exchanges(), 2, "{source}");
        }
    }
}

#[test]
fn replay_is_signed_again_once_for_each_token() {
    let service = Service::replayed(1);
    let over = service.clone();
    let auth = BlockingAuth::new(options("key"), move |request: Request<Bytes>| over.send(&request)).unwrap();
    for _ in 0..3 {
        assert!(auth.authorize(None).is_ok());
        service.0.replays_left.store(1, Ordering::SeqCst);
    }
}

#[test]
fn nonce_that_caller_chose_is_not_replaced() {
    let params = TokenParams::new().nonce("0123456789abcdef");
    let service = Service::losing(1, || Ok(answer(500, "")));
    let over = service.clone();
    let auth = BlockingAuth::new(options("key"), move |request: Request<Bytes>| over.send(&request)).unwrap();
    assert_eq!(auth.request_token(&params).unwrap_err().ably_code(), ErrorCode::NONCE_REPLAYED);
    assert_eq!(service.exchanges(), 2);
}

#[test]
fn given_request_is_not_sent_again_after_replay() {
    let losses: [fn() -> Answer; 2] =
        [|| Err(TransportFault::new(FaultKind::TimedOut, "10 s passed")), || Ok(answer(500, ""))];
    for lose in losses {
        let service = Service::losing(1, lose);
        let over = service.clone();
        let options = ClientOptions::<Blocking>::new().token(service.sign());
        let auth = BlockingAuth::new(options, move |request: Request<Bytes>| over.send(&request)).unwrap();
        is_used_up(&service, || auth.authorize(None));

        let service = Service::losing(1, lose);
        let over = service.clone();
        let options = ClientOptions::<Async>::new().token(service.sign());
        let over = move |request: Request<Bytes>| std::future::ready(over.send(&request));
        let auth = Auth::new(options, over).unwrap();
        is_used_up(&service, || block_on(auth.authorize(None)));
    }
}

fn is_used_up(service: &Service, authorize: impl Fn() -> Result<TokenDetails, Error>) {
    assert_eq!(authorize().unwrap_err().ably_code(), ErrorCode::NONCE_REPLAYED);
    assert_eq!(service.exchanges(), 2, "lost by one host, replayed at the next");
    for _ in 0..2 {
        assert_eq!(authorize().unwrap_err().ably_code(), ErrorCode::NO_MEANS_TO_RENEW);
    }
    assert_eq!(service.exchanges(), 2, "it is not sent again");
}

/// A request that no host has exchanged, as far as the client knows, may be sent again.
#[test]
fn given_request_is_sent_again_after_outage() {
    let service = Service::losing(1, || Err(TransportFault::new(FaultKind::TimedOut, "10 s passed")));
    let over = service.clone();
    let options = ClientOptions::<Blocking>::new().token(service.sign()).fallback_hosts([""; 0]);
    let auth = BlockingAuth::new(options, move |request: Request<Bytes>| over.send(&request)).unwrap();
    assert!(auth.authorize(None).unwrap_err().is_transient());
    assert_eq!(auth.authorize(None).unwrap_err().ably_code(), ErrorCode::NONCE_REPLAYED);
    assert_eq!(auth.authorize(None).unwrap_err().ably_code(), ErrorCode::NO_MEANS_TO_RENEW);
    assert_eq!(service.exchanges(), 2);
}

#[test]
fn wrong_clock_and_lost_answer_are_both_overcome() {
    let answers = Mutex::new(
        [refusal(401, 40104), answer(200, "[1704067200000]"), refusal(401, 40105), answer(201, r#"{"token":"app.t"}"#)]
            .into_iter(),
    );
    let over = move |_: Request<Bytes>| Ok(answers.lock().unwrap().next().unwrap());
    let auth = BlockingAuth::new(options("key"), over).unwrap();
    assert_eq!(auth.request_token(None).unwrap().token().expose(), "app.t");
}
