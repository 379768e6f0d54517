//! The effects of `authorize`.

use std::sync::{Arc, Mutex};

use ably_auth::{
    ApiKey, Async, Auth, AuthOptions, BlockingAuth, ClientOptions, Clock, Endpoint, Error, ErrorCode, Timestamp, Token,
    TokenParams, TransportFault, Ttl,
};
use bytes::Bytes;
use http::{Request, Response};

use super::support::{VirtualTime, answer, refusal};

/// The sent requests, as `METHOD path authorization`.
type Log = Arc<Mutex<Vec<String>>>;

fn key() -> ApiKey {
    ApiKey::parse("app.key:secret").unwrap()
}

fn options() -> ClientOptions<Async> {
    ClientOptions::new().key(key())
}

/// Answers like a service whose clock is fixed at `time`. Numbers the tokens that it issues.
fn service(
    log: &Log,
    time: u64,
) -> impl Fn(Request<Bytes>) -> Result<Response<Bytes>, TransportFault> + Send + Sync + use<> {
    let log = Arc::clone(log);
    move |request| {
        let scheme = request.headers().get("authorization").map_or("-", |value| value.to_str().unwrap());
        let line = format!("{} {} {scheme}", request.method(), request.uri().path());
        let path = request.uri().path().to_owned();
        let mut log = log.lock().unwrap();
        log.push(line);
        Ok(match &*path {
            "/time" => answer(200, format!("[{time}]")),
            "/token" => Response::builder().header("content-type", "text/plain").body("from-the-url".into()).unwrap(),
            "/keys/app.key/requestToken" => {
                let asked: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
                let stated = asked["timestamp"].as_u64().unwrap();
                if stated.abs_diff(time) > 120_000 {
                    return Ok(refusal(401, 40104));
                }
                let nth = log.iter().filter(|line| line.contains("requestToken")).count();
                let expires = time + asked["ttl"].as_u64().unwrap_or(3_600_000);
                answer(201, format!(r#"{{"token":"token-{nth}","issued":{time},"expires":{expires}}}"#))
            }
            _ => answer(200, "{}"),
        })
    }
}

#[allow(clippy::type_complexity, reason = "a closure's type")]
fn auth(
    options: ClientOptions<Async>,
    log: &Log,
    time: u64,
) -> Auth<impl Fn(Request<Bytes>) -> std::future::Ready<Result<Response<Bytes>, TransportFault>> + use<>> {
    let send = service(log, time);
    Auth::new(options, move |request| std::future::ready(send(request))).unwrap()
}

fn sent(log: &Log) -> Vec<String> {
    std::mem::take(&mut log.lock().unwrap())
}

fn stats() -> Request<Bytes> {
    Request::get("/stats").body(Bytes::new()).unwrap()
}

fn at(millis: u64) -> impl Fn() -> Timestamp + Clone {
    move || Timestamp::from_millis(millis)
}

const NOON: u64 = 1_700_000_000_000;

#[tokio::test]
async fn new_options_persist_and_key_is_kept() {
    let log = Log::default();
    let auth = auth(options().clock(Arc::new(at(NOON))), &log, NOON);
    let from_url = AuthOptions::new().auth_url("https://example.com/token");
    auth.authorize_with(None, from_url).await.unwrap();
    auth.authorize(None).await.unwrap();
    auth.request(stats()).await.unwrap();
    assert_eq!(sent(&log), ["GET /token -", "GET /token -", "GET /stats Bearer from-the-url"]);
    let request = auth.create_token_request(None).await.unwrap();
    assert!(request.verify(&key()).is_ok(), "the key still signs");
}

#[tokio::test]
async fn params_persist_except_one_shot_ones() {
    let log = Log::default();
    let auth = auth(options().clock(Arc::new(at(NOON))), &log, NOON);
    let once = TokenParams::new().ttl(Ttl::from_millis(90_000).unwrap()).timestamp(Timestamp::from_millis(NOON - 1));
    auth.authorize(&once).await.unwrap();
    let request = auth.create_token_request(None).await.unwrap();
    let request = serde_json::to_value(request).unwrap();
    assert_eq!((&request["ttl"], &request["timestamp"]), (&90_000.into(), &NOON.into()));
}

#[tokio::test]
async fn params_of_failed_authorize_are_discarded() {
    let log = Log::default();
    let auth = auth(options().clock(Arc::new(at(NOON))), &log, NOON);
    let callback = |_: TokenParams| async { Err::<Token, _>("the user is logged out") };
    let fails = AuthOptions::<Async>::new().auth_callback(callback);
    assert!(auth.authorize_with(&TokenParams::new().ttl(Ttl::MAX), fails).await.is_err());
    assert!(
        auth.create_token_request(None)
            .await
            .is_ok_and(|request| { serde_json::to_value(request).unwrap().get("ttl").is_none() })
    );
    auth.request(stats()).await.unwrap();
    assert_eq!(sent(&log), ["GET /stats Basic YXBwLmtleTpzZWNyZXQ="]);
}

#[tokio::test]
async fn client_can_switch_to_tokens_and_back_to_key() {
    let log = Log::default();
    let auth = auth(options().clock(Arc::new(at(NOON))), &log, NOON);
    auth.authorize(None).await.unwrap();
    auth.request(stats()).await.unwrap();
    assert_eq!(auth.token_details().unwrap().token().expose(), "token-1");
    sent(&log);
    auth.authorize_with(None, AuthOptions::new().use_token_auth(false)).await.unwrap();
    assert!(auth.token_details().is_none());
    sent(&log);
    auth.request(stats()).await.unwrap();
    assert_eq!(sent(&log), ["GET /stats Basic YXBwLmtleTpzZWNyZXQ="]);
}

#[tokio::test]
async fn given_token_replaces_current_one() {
    let log = Log::default();
    let auth = auth(options().clock(Arc::new(at(NOON))), &log, NOON);
    let given =
        AuthOptions::<Async>::new().auth_callback(|_: TokenParams| async { Ok::<_, Error>(Token::new("app.given")?) });
    auth.authorize_with(None, given).await.unwrap();
    auth.request(stats()).await.unwrap();
    assert_eq!(sent(&log), ["GET /stats Bearer app.given"]);

    let tokens = ClientOptions::new().token("app.first");
    let auth = self::auth(tokens, &log, NOON);
    auth.authorize_with(None, AuthOptions::new().token("app.second")).await.unwrap();
    auth.request(stats()).await.unwrap();
    assert_eq!(sent(&log), ["GET /stats Bearer app.second"]);
    assert_eq!(auth.authorize(None).await.unwrap_err().ably_code(), ErrorCode::NO_MEANS_TO_RENEW);
}

#[tokio::test]
async fn service_time_is_queried_once() {
    let log = Log::default();
    let an_hour_late = at(NOON - 3_600_000);
    let auth = auth(options().query_time(true).clock(Arc::new(an_hour_late)), &log, NOON);
    auth.authorize(None).await.unwrap();
    auth.authorize(None).await.unwrap();
    let request = serde_json::to_value(auth.create_token_request(None).await.unwrap()).unwrap();
    assert_eq!(request["timestamp"], NOON);
    let asked = "POST /keys/app.key/requestToken -";
    assert_eq!(sent(&log), ["GET /time -", asked, asked]);
}

/// `query_time` in the options of one call applies to that call; the measured offset is kept.
#[tokio::test]
async fn query_time_applies_to_one_call() {
    let (log, time) = (Log::default(), VirtualTime::default());
    time.advance(NOON);
    let auth = auth(options().clock(time.clock()), &log, NOON);
    auth.authorize_with(None, AuthOptions::new().query_time(true)).await.unwrap();
    auth.create_token_request(None).await.unwrap();
    assert_eq!(sent(&log), ["GET /time -", "POST /keys/app.key/requestToken -"]);
}

#[tokio::test]
async fn wrong_clock_costs_one_time_query() {
    for clock in [NOON - 3_600_000, NOON + 3_600_000] {
        let log = Log::default();
        let auth = auth(options().clock(Arc::new(at(clock))), &log, NOON);
        auth.authorize(None).await.unwrap();
        let asked = "POST /keys/app.key/requestToken -";
        assert_eq!(sent(&log), [asked, "GET /time -", asked]);
        auth.authorize(None).await.unwrap();
        assert_eq!(sent(&log), [asked], "the offset is remembered");
    }
}

#[tokio::test]
async fn timestamp_of_caller_is_not_corrected() {
    let log = Log::default();
    let auth = auth(options().clock(Arc::new(at(NOON))), &log, NOON);
    let wrong = TokenParams::new().timestamp(Timestamp::from_millis(1));
    assert_eq!(auth.authorize(&wrong).await.unwrap_err().ably_code(), ErrorCode::TIMESTAMP_NOT_CURRENT);
    assert_eq!(sent(&log).len(), 1);
}

#[test]
fn blocking_client_behaves_the_same() {
    let log = Log::default();
    let options = ClientOptions::new().key(key()).clock(Arc::new(at(NOON + 3_600_000)));
    let auth = BlockingAuth::new(options, service(&log, NOON)).unwrap();
    auth.authorize(None).unwrap();
    auth.request(stats()).unwrap();
    let asked = "POST /keys/app.key/requestToken -";
    assert_eq!(sent(&log), [asked, "GET /time -", asked, "GET /stats Bearer token-2"]);
    auth.authorize_with(None, AuthOptions::new().mint_jwt(true)).unwrap();
    assert!(sent(&log).is_empty(), "a JWT needs no exchange");
    let credentials = auth.credentials().unwrap();
    let [(name, token)] = &credentials.query_params().collect::<Vec<_>>()[..] else { panic!("expected a token only") };
    assert_eq!(*name, "accessToken");
    assert_eq!(token, auth.token_details().unwrap().token().expose());
}

/// The ttl that a callback was called with, in ms, and the sender that lets it return.
type Asked = (Option<u64>, tokio::sync::oneshot::Sender<()>);

/// The call that started last wins, also for requests that are signed later.
#[tokio::test]
async fn last_of_concurrent_authorize_calls_wins() {
    let ttl = |millis| TokenParams::new().ttl(Ttl::from_millis(millis).unwrap());
    for (first, second, first_answers_first, stays) in [
        (Some(ttl(60_000)), Some(ttl(120_000)), false, Some(120_000)),
        (Some(ttl(60_000)), Some(ttl(120_000)), true, Some(120_000)),
        (Some(ttl(60_000)), None, false, None),
        (Some(ttl(60_000)), None, true, Some(60_000)),
    ] {
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let callback = {
            let asked = Arc::clone(&asked);
            move |params: TokenParams| {
                let (sender, gate) = tokio::sync::oneshot::channel();
                asked.lock().unwrap().push((params.get_ttl().map(Ttl::as_millis), sender));
                async move {
                    let _ = gate.await;
                    Ok::<_, Error>(Token::new("app.t")?)
                }
            }
        };
        let options = ClientOptions::<Async>::new().key(key()).auth_callback(callback).clock(Arc::new(at(NOON)));
        let auth = auth(options, &Log::default(), NOON);
        let (mut one, mut two) = (Box::pin(auth.authorize(first.as_ref())), Box::pin(auth.authorize(second.as_ref())));
        assert!(futures_poll(&mut one).is_none() && futures_poll(&mut two).is_none());
        let answer = |nth: usize| asked.lock().unwrap().remove(nth).1.send(()).unwrap();
        if first_answers_first {
            answer(0);
            one.await.unwrap();
            answer(0);
            two.await.unwrap();
        } else {
            answer(1);
            two.await.unwrap();
            answer(0);
            one.await.unwrap();
        }
        let signed = serde_json::to_value(auth.create_token_request(None).await.unwrap()).unwrap();
        assert_eq!(signed.get("ttl").and_then(serde_json::Value::as_u64), stays, "ttl of a signed request");
        let credentials = auth.credentials().await.unwrap();
        let mut renewal = Box::pin(auth.renewed_credentials(&credentials));
        assert!(futures_poll(&mut renewal).is_none());
        assert_eq!(asked.lock().unwrap()[0].0, stays, "ttl at the next renewal");
    }
}

fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::Pin::new(future).poll(&mut context) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

/// A signing key is not sent, so it may be used where Basic auth is refused.
#[tokio::test]
async fn key_gets_tokens_without_tls() {
    let log = Log::default();
    let endpoint = Endpoint::parse("http://ably.example.com").unwrap();
    let auth = auth(options().use_token_auth(true).endpoint(endpoint).clock(Arc::new(at(NOON))), &log, NOON);
    let once = || AuthOptions::new().query_time(false);
    auth.request_token_with(None, once()).await.unwrap();
    auth.create_token_request_with(None, once()).await.unwrap();
    auth.authorize_with(None, once()).await.unwrap();
    sent(&log);
    let as_key = AuthOptions::new().use_token_auth(false);
    let error = auth.authorize_with(None, as_key).await.unwrap_err();
    assert_eq!(error.ably_code(), ErrorCode::BASIC_AUTH_WITHOUT_TLS);
    auth.request(stats()).await.unwrap();
    assert_eq!(sent(&log), ["GET /stats Bearer token-2"]);
}

/// A given token is used first, even if the client can get other tokens.
#[tokio::test]
async fn given_token_is_used_before_key() {
    let log = Log::default();
    let auth = auth(options().clock(Arc::new(at(NOON))), &log, NOON);
    let given = AuthOptions::new().token("app.given");
    assert_eq!(auth.authorize_with(None, given).await.unwrap().token().expose(), "app.given");
    auth.request(stats()).await.unwrap();
    assert_eq!(sent(&log), ["GET /stats Bearer app.given"]);
    let refused = auth.credentials().await.unwrap();
    auth.renewed_credentials(&refused).await.unwrap();
    auth.authorize(None).await.unwrap();
    let asked = "POST /keys/app.key/requestToken -";
    assert_eq!(sent(&log), [asked, asked], "later tokens come from the key");
}

/// After a call with options, the client's own `query_time` applies again.
#[tokio::test]
async fn options_of_call_leave_query_time_unchanged() {
    for query_time in [true, false] {
        let (log, time) = (Log::default(), VirtualTime::default());
        time.advance(NOON - 3_600_000);
        // The steady clock stands still, so that moving the clock looks as if only the wall clock was set.
        let auth = auth(options().query_time(query_time).clock(Arc::new(Standing(time.clone()))), &log, NOON);
        auth.authorize_with(None, AuthOptions::new().mint_jwt(true).query_time(!query_time)).await.unwrap();
        assert_eq!(sent(&log), ["GET /time -"]);
        time.advance(60_000);
        auth.authorize(None).await.unwrap();
        let asked: &[&str] = if query_time { &["GET /time -"] } else { &[] };
        assert_eq!(sent(&log), asked, "the offset is invalid after the wall clock was set");
    }
}

struct Standing(VirtualTime);

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        self.0.clock().now()
    }

    fn steady(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }
}
