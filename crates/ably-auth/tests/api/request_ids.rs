//! Request ids.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use ably_auth::{BlockingAuth, BlockingTransport, ClientOptions, FaultKind, Token, TokenParams, TransportFault};
use bytes::Bytes;
use http::{Request, Response};

use super::support::{answer, refusal};

type Answer = Result<Response<Bytes>, TransportFault>;
type Options = ClientOptions<ably_auth::Blocking>;
type Log = Arc<Mutex<Vec<Request<Bytes>>>>;

fn client(
    options: Options,
    answer: impl Fn(usize) -> Answer + Send + Sync + 'static,
) -> (BlockingAuth<impl BlockingTransport>, Log) {
    let log = Log::default();
    let sent = Arc::clone(&log);
    let send = move |request: Request<Bytes>| {
        let mut sent = sent.lock().unwrap();
        sent.push(request);
        answer(sent.len())
    };
    (BlockingAuth::new(options, send).unwrap(), log)
}

fn with_key() -> Options {
    Options::new().key("app.key:secret").add_request_ids(true)
}

fn ids(log: &Log) -> Vec<String> {
    let id = |request: &Request<Bytes>| {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let ids: Vec<_> = query.split('&').filter_map(|pair| pair.strip_prefix("request_id=")).collect();
        assert_eq!(ids.len(), 1, "{query}");
        ids[0].to_owned()
    };
    log.lock().unwrap().iter().map(id).collect()
}

fn is_id(id: &str) -> bool {
    id.len() >= 12 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// rest/unit/RSC7c/request-id-included-0
#[test]
fn each_request_to_service_has_unique_id() {
    let (client, log) = client(with_key(), |_| Ok(answer(200, "[5]")));
    client.time().unwrap();
    client.time().unwrap();
    client.request(Request::get("/stats?limit=1").body(Bytes::new()).unwrap()).unwrap();
    assert!(client.request_token(&TokenParams::new()).is_err(), "`[5]` is not a token");
    let ids = ids(&log);
    assert!(ids.iter().all(|id| is_id(id)), "{ids:?}");
    assert_eq!(BTreeSet::from_iter(&ids).len(), 4);
    let log = log.lock().unwrap();
    assert!(log[2].uri().query().unwrap().starts_with("limit=1&request_id="));
    assert_eq!(log[0].uri().path(), "/time");
}

#[test]
fn request_has_no_id_by_default() {
    let (client, log) = client(with_key().add_request_ids(false), |_| Ok(refusal(401, 40101)));
    let error = client.time().unwrap_err();
    assert_eq!((log.lock().unwrap()[0].uri().query(), error.request_id()), (None, None));
}

/// rest/unit/RSC7c/request-id-preserved-fallback-1
#[test]
fn retries_and_error_have_id_of_request() {
    let (client, log) = client(with_key().fallback_hosts(["a.example.com", "b.example.com"]), |_| {
        Err(TransportFault::new(FaultKind::TimedOut, "slow"))
    });
    let error = client.time().unwrap_err();
    let ids = ids(&log);
    assert_eq!((ids.len(), BTreeSet::from_iter(&ids).len()), (3, 1));
    assert_eq!(error.request_id(), Some(ids[0].as_str()));
}

#[test]
fn resend_with_renewed_token_has_same_id() {
    let callback = |_: &TokenParams| Token::new("app.t");
    let options = Options::new().auth_callback(callback).add_request_ids(true);
    let (client, log) = client(options, |_| Ok(refusal(401, 40142)));
    let error = client.request(Request::get("/stats").body(Bytes::new()).unwrap()).unwrap_err();
    let ids = ids(&log);
    assert_eq!((ids.len(), BTreeSet::from_iter(&ids).len()), (2, 1));
    assert_eq!(error.request_id(), Some(ids[0].as_str()));
}

#[test]
fn error_of_unreadable_answer_has_id() {
    let (client, log) = client(with_key(), |_| Ok(answer(200, "<html>")));
    let error = client.time().unwrap_err();
    assert_eq!(error.request_id(), Some(ids(&log)[0].as_str()));
}

#[test]
fn id_in_answer_of_service_takes_precedence() {
    let body = r#"{"error":{"code":40000,"statusCode":400,"message":"no","requestId":"of-the-service"}}"#;
    let (client, _) = client(with_key(), move |_| Ok(answer(400, body)));
    assert_eq!(client.time().unwrap_err().request_id(), Some("of-the-service"));
}

#[test]
fn id_of_caller_is_kept() {
    let options = with_key().endpoint("ably.example.com");
    let (client, log) = client(options, |_| Ok(refusal(400, 40000)));
    let request = Request::get("/stats?request_id=mine&limit=1").body(Bytes::new()).unwrap();
    assert_eq!(client.request(request).unwrap_err().request_id(), Some("mine"));
    assert_eq!(ids(&log), ["mine"]);
}
