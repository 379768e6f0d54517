//! Answers in MessagePack.

use ably_auth::exchange::{AuthenticatedCall, Authorization, CallStep, Exchange, RequestToken, ServerTime, Step};
use ably_auth::{
    ApiKey, BlockingAuth, Endpoint, Error, ErrorKind, Nonce, Timestamp, Token, TokenDetails, TokenParams, TokenRequest,
    TransportFault,
};
use bytes::Bytes;
use http::{Request, Response};
use serde_json::json;

use super::support::answer;

fn packed(status: u16, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut answer = answer(status, body);
    answer.headers_mut().insert("content-type", "application/x-msgpack".parse().unwrap());
    answer
}

fn pack(value: &serde_json::Value) -> Vec<u8> {
    rmp_serde::to_vec(value).unwrap()
}

fn time(answer: Response<Bytes>) -> Result<Timestamp, Error> {
    let mut exchange = ServerTime::new(&Endpoint::default());
    exchange.start();
    let Step::Done(outcome) = exchange.answered(Ok(answer)) else { panic!("the exchange did not end") };
    outcome
}

/// rest/unit/RSA4b/renewal-msgpack-response-4
#[test]
fn token_error_in_messagepack_leads_to_renewal() {
    let stale = pack(&json!({ "error": { "code": 40142, "statusCode": 401, "message": "Token expired" } }));
    let callback = |_: &TokenParams| {
        static FETCHED: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
        Token::new(&format!("token-{}", FETCHED.fetch_add(1, std::sync::atomic::Ordering::SeqCst)))
    };
    let send = move |request: Request<Bytes>| -> Result<Response<Bytes>, TransportFault> {
        match request.headers()["authorization"].to_str().unwrap() {
            "Bearer token-1" => Ok(packed(401, stale.clone())),
            other => Ok(answer(200, other.to_owned())),
        }
    };
    let options = ably_auth::ClientOptions::<ably_auth::Blocking>::new().auth_callback(callback);
    let auth = BlockingAuth::new(options, send).unwrap();
    let answer = auth.request(Request::get("/channels/test/messages").body(Bytes::new()).unwrap()).unwrap();
    assert_eq!(answer.body(), "Bearer token-2");
}

#[test]
fn error_in_messagepack_equals_error_in_json() {
    let error = json!({ "error": {
        "code": 40099, "statusCode": 400, "message": "Test error", "requestId": "r1", "detail": { "a": [1, { "b": null }] },
        "cause": { "code": 40100, "message": "of old" }, "newer": [true],
    }});
    let (of_json, of_pack) =
        (time(answer(400, error.to_string())).unwrap_err(), time(packed(400, pack(&error))).unwrap_err());
    assert_eq!(of_pack.error_info(), of_json.error_info());
    let info = of_pack.error_info().unwrap();
    assert_eq!((of_pack.ably_code().as_u32(), of_pack.status_code(), info.message()), (40099, 400, "Test error"));
    assert_eq!((of_pack.request_id(), info.cause().unwrap().message()), (Some("r1"), "of old"));
}

#[test]
fn answer_in_messagepack_is_read() {
    assert_eq!(
        time(packed(200, pack(&json!([1_704_067_200_000_u64])))).unwrap(),
        Timestamp::from_millis(1_704_067_200_000)
    );
    let details =
        json!({ "token": "app.t", "issued": 0, "expires": 1000, "capability": r#"{"a":["*"]}"#, "clientId": null });
    let key = ApiKey::parse("app.key:secret").unwrap();
    let (now, nonce) = (Timestamp::from_millis(0), Nonce::from_random(&[1; 16]));
    let request = TokenRequest::sign(&key, &TokenParams::new(), now, nonce).unwrap();
    let mut exchange = RequestToken::new(&Endpoint::default(), &request);
    exchange.start();
    let Step::Done(Ok(got)) = exchange.answered(Ok(packed(201, pack(&details)))) else { panic!("no token") };
    assert_eq!(got, serde_json::from_value::<TokenDetails>(details).unwrap());
}

/// Deep nesting would overflow the stack of a recursive parser without a limit.
#[test]
fn hostile_body_is_error() {
    let deep = |open: &[u8], depth: usize| {
        let mut body = b"\x81\xa5error\x82\xa4code\xcd\x9c\xa4\xa6detail\x81\xa1a".to_vec();
        body.extend(open.repeat(depth));
        body.push(0xc0);
        body
    };
    let hostile = [
        deep(&[0x91], 100_000),
        deep(&[0x91], 100),
        deep(&[0x81, 0xa1, b'a'], 100_000),
        [0x91].repeat(100_000),
        vec![0xdd, 0xff, 0xff, 0xff, 0xff, 0x01],
        vec![0xdf, 0xff, 0xff, 0xff, 0xff],
        vec![0xc6, 0xff, 0xff, 0xff, 0xff, 0x00],
        vec![0xc1],
        Vec::new(),
        b"{\"error\":{\"code\":40142}}".to_vec(),
    ];
    for body in hostile {
        let error = time(packed(500, body.clone())).unwrap_err();
        assert_eq!((error.kind(), error.ably_code().as_u32(), error.status_code()), (ErrorKind::Refused, 50000, 500));
        assert_eq!(time(packed(200, body)).unwrap_err().kind(), ErrorKind::Answer);
    }
    let shallow = time(packed(500, deep(&[0x91], 20))).unwrap_err();
    assert_eq!(shallow.ably_code().as_u32(), 40100, "moderate nesting is read");
    let deep_json = format!(r#"{{"error":{{"code":40100,"detail":{{"a":{}"#, "[".repeat(100_000));
    assert_eq!(time(answer(500, deep_json)).unwrap_err().ably_code().as_u32(), 50000);
}

#[test]
fn messagepack_with_other_content_type_is_not_parsed() {
    let body = pack(&json!({ "error": { "code": 40142 } }));
    let mut call = AuthenticatedCall::new(Request::get("https://a/b").body(Bytes::new()).unwrap(), None);
    call.start();
    call.authorized(&Authorization::bearer(&Token::new("app.t").unwrap()), None);
    let CallStep::Done(Err(error)) = call.answered(Ok(answer(401, body))) else { panic!("the call did not end") };
    assert_eq!(error.ably_code().as_u32(), 40100);
}
