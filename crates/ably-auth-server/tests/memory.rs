//! Tests of the memory that a request takes, for bodies of any content. A counting allocator measures the whole process, so
//! this test has a separate binary.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests break")]

#[path = "service/faulty.rs"]
#[allow(dead_code, reason = "the service's own tests use the rest")]
mod faulty;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use ably_auth_core::{ApiKey, Nonce, Timestamp, TokenParams, TokenRequest};
use ably_auth_server::{Apps, Limits, Service, ServiceBuilder};
use bytes::Bytes;
use http::{Request, Response};
use peak_alloc::PeakAlloc;
use test_support::{NOW, basic};

use faulty::{Call, Faulty, Stalled};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const KEY: &str = "app.key:an-example-not-a-secret";

/// The largest body that the service accepts, in bytes.
const MAX_BODY: usize = 64 * 1024;
/// A little more than the memory that a request without a body takes, in bytes.
const SMALL: usize = 16 * 1024;

/// Returns a store whose operations never complete, except `use_once`.
fn stalled() -> Faulty<Stalled> {
    Faulty::new(Stalled(&[Call::CatchUp, Call::Write, Call::Keep, Call::Kept, Call::SetTime]))
}

fn service() -> ServiceBuilder {
    let clock = || Timestamp::from_millis(NOW);
    Service::builder().apps(Apps::of_key(KEY.parse().unwrap())).sandbox(true).clock(clock).service_secret([7; 32])
}

/// The memory that a request takes in bytes, without its body: the peak, and what it holds after the first poll. `response` is
/// `None` if the request still waits.
struct Measured {
    peak: usize,
    waiting: usize,
    response: Option<Response<Bytes>>,
}

fn measure(service: &Service, request: Request<Bytes>) -> Measured {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let mut answering = pin!(service.handle(request));
    let answered = answering.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    let taken = |now: usize| now.saturating_sub(before);
    let (peak, waiting) = (taken(ALLOCATOR.peak_usage()), taken(ALLOCATOR.current_usage()));
    let response = match answered {
        Poll::Ready(response) => Some(response),
        Poll::Pending => None,
    };
    Measured { peak, waiting, response }
}

fn post(path: &str, content_type: &str, body: &[u8]) -> Request<Bytes> {
    let request = Request::post(path).header("Content-Type", content_type).header("Host", "localhost");
    request.body(Bytes::copy_from_slice(body)).unwrap()
}

fn with_key(mut request: Request<Bytes>) -> Request<Bytes> {
    let credential = basic(KEY);
    request.headers_mut().insert("Authorization", credential.parse().unwrap());
    request
}

const JSON: &str = "application/json";
const MSGPACK: &str = "application/x-msgpack";

/// Returns JSON values of at most about `bytes` bytes that grow when they are decoded: many elements, escapes or levels.
fn hostile_json(bytes: usize) -> Vec<String> {
    let list = |unit: &str| format!("[{}]", vec![unit; bytes / (unit.len() + 1)].join(","));
    let mut values: Vec<_> =
        ["[]", "{}", "0", "null", "1.5", "\"\"", "{\"\":0}", "[[[[]]]]", "{\"a\":{\"a\":{}}}"].map(list).into();
    values.push(format!("{{{}}}", vec!["\"\":0"; bytes / 5].join(",")));
    values.push(format!("\"{}\"", "\\u0000".repeat(bytes / 6)));
    values.push(format!("\"{}\"", "\\n".repeat(bytes / 2)));
    // A capability with many resources, sent as a JSON string.
    values.push(format!(
        "\"{{{}}}\"",
        (0..bytes / 20).map(|nth| format!(r#"\"{nth}\":[\"*\"]"#)).collect::<Vec<_>>().join(",")
    ));
    values.push("[".repeat(120) + &"]".repeat(120));
    values
}

fn hostile_msgpack(bytes: usize) -> Vec<Vec<u8>> {
    let list = |unit: &[u8]| {
        let count = u32::try_from(bytes / unit.len()).unwrap();
        [&[0xdd], &count.to_be_bytes()[..], &unit.repeat(count as usize)].concat()
    };
    [&[0x81, 0xa0, 0xc0][..], &[0xc0], &[0x90], &[0x80], &[0xa0], &[0x00], &[0x91, 0x91, 0x90]].map(list).into()
}

/// Returns a JSON object with a `keyName`, and with `value` under each of `names`.
fn json_body(names: &[&str], value: &str) -> Vec<u8> {
    let fields: String = names.iter().map(|name| format!(r#","{name}":{value}"#)).collect();
    format!(r#"{{"keyName":"app.key"{fields}}}"#).into_bytes()
}

fn msgpack_body(name: &str, value: &[u8]) -> Vec<u8> {
    let name = [&[0xa0 | u8::try_from(name.len()).unwrap()], name.as_bytes()].concat();
    [b"\x82\xa7keyName\xa7app.key", &name[..], value].concat()
}

fn bodies(names: &[&str]) -> Vec<(&'static str, Vec<u8>)> {
    let room = MAX_BODY - 200;
    let json = hostile_json(room / names.len()).into_iter().map(|value| (JSON, json_body(names, &value)));
    let msgpack = hostile_msgpack(room).into_iter().map(|value| (MSGPACK, msgpack_body(names[0], &value)));
    json.chain(msgpack).collect()
}

// These checks are one test, because tests run in parallel and the allocator counts for all of them.
#[test]
fn memory_of_request_is_bounded_by_its_body() {
    waiting_request_of_stranger_holds_only_its_body();
    waiting_large_token_holds_no_claims();
    request_takes_at_most_four_times_its_body();
    history_stays_within_its_limit();
}

fn waiting_request_of_stranger_holds_only_its_body() {
    let service = service().store(stalled()).build().unwrap();
    for (content_type, body) in bodies(&["x"]) {
        for path in ["/keys/nope.nope/requestToken", "/keys/app.nope/requestToken"] {
            let taken = measure(&service, post(path, content_type, &body));
            assert!(taken.response.is_none(), "the request waits for the store");
            let text = String::from_utf8_lossy(&body[..60.min(body.len())]).into_owned();
            assert!(taken.peak <= SMALL && taken.waiting <= SMALL, "{} of {}: {text}", taken.peak, body.len());
        }
    }
}

fn large_capability() -> String {
    let entries: Vec<_> = (0..3_000).map(|nth| format!(r#""{nth}":["*"]"#)).collect();
    format!("{{{}}}", entries.join(","))
}

fn waiting_large_token_holds_no_claims() {
    let service = service().store(stalled()).build().unwrap();
    let body =
        serde_json::json!({ "keyName": "app.key", "capability": large_capability(), "timestamp": NOW }).to_string();
    let taken = measure(&service, with_key(post("/keys/app.key/requestToken", JSON, body.as_bytes())));
    assert!(taken.response.is_none(), "the request waits for the store");
    assert!(taken.waiting <= 3 * body.len(), "{} of {}", taken.waiting, body.len());
}

fn request_takes_at_most_four_times_its_body() {
    let service = service().build().unwrap();
    let check = |what: &str, request: Request<Bytes>| {
        let (bytes, kind) = (request.body().len(), request.headers()["content-type"].clone());
        let start = String::from_utf8_lossy(&request.body()[..80.min(bytes)]).into_owned();
        let taken = measure(&service, request);
        // `measure` leaves out the body, which is the fourth part. Comparing a capability takes more, but never waits, so each
        // thread compares one at a time.
        let is_compared = what == "a key holder's token request" && start.contains("capability");
        let bound = if is_compared { 16 * MAX_BODY } else { 3 * MAX_BODY + SMALL };
        assert!(taken.peak <= bound, "{what} takes {} of {bytes} ({kind:?}): {start}", taken.peak + bytes);
        taken.response.unwrap()
    };
    for (content_type, body) in
        bodies(&["x"]).into_iter().chain(bodies(&["capability"])).chain(bodies(&["mac", "nonce"]))
    {
        let response = check("a stranger's token request", post("/keys/app.key/requestToken", content_type, &body));
        assert!(response.status().is_client_error());
        check("a key holder's token request", with_key(post("/keys/app.key/requestToken", content_type, &body)));
    }
    for (content_type, body) in bodies(&["data"]).into_iter().chain(bodies(&["extras"])).chain(bodies(&["x"])) {
        let response = check("a stranger's message", post("/channels/a/messages", content_type, &body));
        assert_eq!(response.status(), 401);
        check("a message", with_key(post("/channels/a/messages", content_type, &body)));
    }
    for (value, content_type) in
        [(hostile_json(MAX_BODY), JSON)].into_iter().flat_map(|(all, kind)| all.into_iter().map(move |one| (one, kind)))
    {
        check("messages", with_key(post("/channels/a/messages", content_type, value.as_bytes())));
        check(
            "targets",
            with_key(post("/keys/app.key/revokeTokens", content_type, format!(r#"{{"targets":{value}}}"#).as_bytes())),
        );
    }
    let many = |unit: &str, bytes: usize| vec![unit; bytes / (unit.len() + 1)].join(",");
    for messages in [many("{}", 140), many(r#"{"data":[[]]}"#, 600), format!(r#"{{"data":"{}"}}"#, "x".repeat(60_000))]
    {
        for channels in [many(r#""a""#, 400), many(r#"":x""#, 490), format!(r#""{}""#, ":".repeat(3_000))] {
            let batch = format!(r#"{{"channels":[{channels}],"messages":[{messages}]}}"#);
            check("a batch", with_key(post("/messages", JSON, batch.as_bytes())));
        }
    }
    let specs = many(r#"{"channels":["a"],"messages":[{}]}"#, MAX_BODY - 10);
    check("specifications", with_key(post("/messages", JSON, format!("[{specs}]").as_bytes())));
    for value in hostile_json(MAX_BODY - 200) {
        let fixture = format!(r#"{{"intervalId":"2014-02-03:15:03","inbound":{value},"x":{{}}}}"#);
        check("statistics", with_key(post("/stats", JSON, fixture.as_bytes())));
        check("statistics", with_key(post("/stats", JSON, value.as_bytes())));
    }
    let fixtures = many(r#"{"intervalId":"2014-02-03","all":{"all":{"count":1}}}"#, MAX_BODY - 10);
    check("statistics", with_key(post("/stats", JSON, format!("[{fixtures}]").as_bytes())));
    for (content_type, body) in bodies(&["keys"]).into_iter().chain(bodies(&["namespaces"])).chain(bodies(&["x"])) {
        check("an app", post("/apps", content_type, &body));
    }
    let key: ApiKey = KEY.parse().unwrap();
    let nonce = Nonce::from_random(&[7; 16]);
    let signed = TokenRequest::sign(&key, &TokenParams::new(), Timestamp::from_millis(NOW), nonce).unwrap();
    let body = serde_json::to_vec(&signed).unwrap();
    assert_eq!(check("an honest request", post("/keys/app.key/requestToken", JSON, &body)).status(), 201);
}

fn history_stays_within_its_limit() {
    let mut limits = Limits::default();
    limits.history_bytes = 1024 * 1024;
    let service = service().limits(limits.clone()).build().unwrap();
    let before = ALLOCATOR.current_usage();
    for (nth, (content_type, body)) in bodies(&["data"]).into_iter().chain(bodies(&["x"])).enumerate() {
        for channel in 0..3 {
            let path = format!("/channels/{nth}-{channel}/messages");
            measure(&service, with_key(post(&path, content_type, &body)));
        }
    }
    let kept = ALLOCATOR.current_usage() - before;
    let (least, most) = (limits.history_bytes / 2, limits.history_bytes + limits.history_bytes / 4);
    assert!((least..=most).contains(&kept), "{kept} bytes are kept of {}", limits.history_bytes);
}
