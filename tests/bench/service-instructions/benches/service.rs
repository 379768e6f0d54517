//! `Service::handle` for a service in memory: one request of each kind under valgrind, after others have filled the caches.
//! Setup and drop are not counted.

use std::future::Future as _;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use ably_auth_core::{ApiKey, Nonce, Timestamp, TokenParams, TokenRequest};
use ably_auth_server::{Apps, Service};
use bytes::Bytes;
use gungraun::{library_benchmark, library_benchmark_group, main};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Request, Response};

const KEY: &str = "app1.key1:EVKVTCBlzLBPYJiCZTsIW_pqylJ9WVRB5K9P19Ap1y0";
const NOW: Timestamp = Timestamp::from_millis(1_785_312_000_123);

/// The number of requests that are answered first.
const FIRST: usize = 64;

type Asked = (Service, Request<Bytes>);

/// Returns a token request with its own nonce.
fn signed(nth: usize) -> TokenRequest {
    let key: ApiKey = KEY.parse().unwrap();
    let params = TokenParams::new().client_id("bob").capability(r#"{"chat:*":["publish","subscribe"]}"#);
    let nonce = Nonce::parse(&format!("{nth:024x}")).unwrap();
    TokenRequest::sign(&key, &params, NOW, nonce).unwrap()
}

/// Returns a request with the headers that SDKs send.
fn post(path: &str, body: Vec<u8>) -> http::request::Builder {
    Request::post(path)
        .header(HOST, "127.0.0.1")
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/json")
        .header("x-ably-version", "6")
        .header("ably-agent", "bench/1")
        .header("content-length", body.len())
}

fn of(request: &TokenRequest) -> Request<Bytes> {
    let body = serde_json::to_vec(request).unwrap();
    post("/keys/app1.key1/requestToken", body.clone()).body(body.into()).unwrap()
}

fn warm() -> Service {
    let apps = Apps::of_key(KEY.parse().unwrap());
    let service = Service::builder().apps(apps).channels(true).clock(|| NOW).build().unwrap();
    for nth in 0..FIRST {
        assert_eq!(answer(&service, of(&signed(nth))).status(), 201);
    }
    service
}

fn new_request() -> Asked {
    (warm(), of(&signed(FIRST)))
}

fn replayed_request() -> Asked {
    (warm(), of(&signed(0)))
}

fn forged_request() -> Asked {
    let mut request = serde_json::to_value(signed(FIRST)).unwrap();
    request["clientId"] = "eve".into();
    let body = serde_json::to_vec(&request).unwrap();
    (warm(), post("/keys/app1.key1/requestToken", body.clone()).body(body.into()).unwrap())
}

fn publication() -> Asked {
    let service = warm();
    let response = answer(&service, of(&signed(FIRST)));
    let details: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
    let publication = |name: &str| {
        let body = format!(r#"{{"name":"{name}","data":"hello"}}"#).into_bytes();
        let token = format!("Bearer {}", details["token"].as_str().unwrap());
        let request = post("/channels/chat:room/messages", body.clone()).header(AUTHORIZATION, token);
        request.body(body.into()).unwrap()
    };
    for _ in 0..FIRST {
        assert_eq!(answer(&service, publication("first")).status(), 201);
    }
    (service, publication("second"))
}

/// Returns the response. A service in memory never waits.
fn answer(service: &Service, request: Request<Bytes>) -> Response<Bytes> {
    let Poll::Ready(response) = pin!(service.handle(request)).poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("the service waits for something");
    };
    response
}

#[library_benchmark]
#[bench::granted(setup = new_request)]
#[bench::replayed(setup = replayed_request)]
#[bench::forged(setup = forged_request)]
fn request_token((service, request): Asked) -> (Response<Bytes>, Service) {
    (answer(&service, black_box(request)), service)
}

#[library_benchmark]
#[bench::with_token(setup = publication)]
fn publish((service, request): Asked) -> (Response<Bytes>, Service) {
    (answer(&service, black_box(request)), service)
}

library_benchmark_group!(
    name = service;
    benchmarks = request_token, publish
);

main!(library_benchmark_groups = service);
