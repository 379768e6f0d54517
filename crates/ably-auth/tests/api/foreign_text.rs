//! Error texts from a service, or from the server behind an auth URL, which may be hostile.

use ably_auth::exchange::{
    AuthenticatedCall, Authorization, CallStep, Exchange, QueryAuthUrl, RequestToken, RevokeTokens, ServerTime, Step,
};
use ably_auth::sources::KeySigner;
use ably_auth::{
    ApiKey, AuthUrl, Endpoint, Error, RevokeTokensRequest, Token, TokenParams, TokenRevocationTargetSpecifier,
};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};

use super::support::answer;

const HOSTILE: &str =
    "a\u{1b}[2J\u{1b}]0;pwned\u{7}\r\nfake: line\u{202e}gnp\u{2066}\u{200f}\u{85}\u{9b}1m\u{2028}\u{7f}z";

fn key() -> ApiKey {
    ApiKey::parse("app.key:kept-secret").unwrap()
}

fn fails<E: Exchange>(mut exchange: E, answer: Response<Bytes>) -> Error {
    assert!(matches!(exchange.start(), Step::Send(_)));
    match exchange.answered(Ok(answer)) {
        Step::Done(Err(error)) => error,
        _ => panic!("it is refused"),
    }
}

fn fails_with(authorization: &Authorization, answer: Response<Bytes>) -> Error {
    let mut call = AuthenticatedCall::new(Request::get("http://localhost/stats").body(Bytes::new()).unwrap(), None);
    assert!(matches!(call.start(), CallStep::Authorize { .. }));
    assert!(matches!(call.authorized(authorization, None), CallStep::Send(_)));
    match call.answered(Ok(answer)) {
        CallStep::Done(Err(error)) => error,
        _ => panic!("it is refused"),
    }
}

fn body(message: &str) -> Response<Bytes> {
    let cause = serde_json::json!({ "code": 50000, "message": message });
    let error = serde_json::json!({
        "code": 40160, "statusCode": 401, "message": message, "href": message, "requestId": message,
        "detail": { message: message }, "cause": cause,
    });
    answer(401, serde_json::json!({ "error": error }).to_string())
}

fn header(message: &str) -> Response<Bytes> {
    let mut answer = answer(401, "");
    let message = http::HeaderValue::from_bytes(message.as_bytes()).unwrap();
    answer.headers_mut().insert("x-ably-errormessage", message);
    answer
}

/// Returns everything that a program may print of an error.
fn shown(error: &Error) -> String {
    let mut shown = format!("{error} {error:?} {error:#?}");
    if let Some(info) = error.error_info() {
        shown += &format!("{info} {info:?} {info:#?}");
    }
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        shown += &format!("{error} {error:?}");
        source = error.source();
    }
    shown
}

fn auth_url() -> QueryAuthUrl {
    QueryAuthUrl::new(&AuthUrl::new("https://example.com/ably").unwrap(), &TokenParams::new())
}

#[test]
fn control_and_bidi_characters_are_escaped() {
    for error in [
        fails(ServerTime::new(&Endpoint::default()), body(HOSTILE)),
        fails(auth_url(), body(HOSTILE)),
        fails_with(&Authorization::basic(&key()), body(HOSTILE)),
        fails(auth_url(), Response::builder().header("content-type", "text/\t\u{80}html").body(Bytes::new()).unwrap()),
    ] {
        let shown = shown(&error);
        let bad = shown.chars().find(|it| {
            (it.is_control() && *it != '\n')
                || matches!(it, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        });
        assert_eq!(bad, None, "{shown:?}");
        assert!(!error.to_string().contains('\n') && !shown.contains("\nfake"), "{shown:?}");
    }
    let ours = fails(ServerTime::new(&Endpoint::default()), body("d\u{e9}j\u{e0} \"vu\" `\u{1f642}` \\"));
    assert!(ours.to_string().contains("d\u{e9}j\u{e0} \"vu\" `\u{1f642}` \\"), "{ours}");
}

#[test]
fn long_text_is_cut() {
    let long = "\u{e9}".repeat(2_000_000);
    for text in [long.as_str(), &"\u{1b}".repeat(1_000_000)] {
        for error in [fails(ServerTime::new(&Endpoint::default()), body(text)), fails(auth_url(), body(text))] {
            assert!(error.to_string().len() < 14_000, "{}", error.to_string().len());
            let info = error.error_info().unwrap();
            assert!(info.message().len() <= 4096 && info.request_id().unwrap_or_default().len() <= 4096);
            assert!(info.detail().map(|(name, value)| name.len() + value.len()).sum::<usize>() <= 4096);
            assert!(shown(&error).len() < 400_000, "{}", shown(&error).len());
        }
    }
    let error = fails(ServerTime::new(&Endpoint::default()), header(&"x".repeat(100_000)));
    assert!(error.to_string().len() < 5_000 && error.error_info().unwrap().message().len() <= 4096);
}

#[test]
fn chain_of_causes_is_cut() {
    let mut error = serde_json::json!({ "code": 50000 });
    for _ in 0..100 {
        error = serde_json::json!({ "code": 50000, "message": "x", "cause": error });
    }
    let error =
        fails(ServerTime::new(&Endpoint::default()), answer(500, serde_json::json!({ "error": error }).to_string()));
    let mut causes = 0;
    let mut next = error.error_info().unwrap().cause();
    while let Some(cause) = next {
        causes += 1;
        next = cause.cause();
    }
    assert!((1..=8).contains(&causes), "{causes}");
}

#[test]
fn reflected_credentials_are_replaced() {
    let reflect = |text: &str| [body(&format!("Bearer {text}, not good")), header(&format!("no {text}!"))];
    let not_shown = |error: Error, secrets: &[&str]| {
        let info = error.error_info().unwrap();
        let shown = format!("{} {} {:?}", shown(&error), info.message(), info.detail().collect::<Vec<_>>());
        for secret in secrets {
            assert!(!shown.contains(secret), "{secret}: {shown}");
        }
        assert!(info.message().contains("[redacted]"), "{error}");
    };
    let basic = Authorization::basic(&key());
    let encoded = basic.header().to_str().unwrap().strip_prefix("Basic ").unwrap().to_owned();
    let bearer = Authorization::bearer(&Token::new("xVLyHw.Dtxd9tuz").unwrap());
    for text in ["app.key:kept-secret", "kept-secret", &encoded] {
        for answer in reflect(text) {
            not_shown(fails_with(&basic, answer), &["kept-secret", &encoded]);
        }
        for answer in reflect(text) {
            let request = RevokeTokensRequest::new([TokenRevocationTargetSpecifier::client_id("bob")]);
            not_shown(
                fails(RevokeTokens::new(&Endpoint::default(), &key(), &request), answer),
                &["kept-secret", &encoded],
            );
        }
    }
    for answer in reflect("xVLyHw.Dtxd9tuz") {
        not_shown(fails_with(&bearer, answer), &["Dtxd9tuz"]);
    }
    let signed = KeySigner::new(key()).create_token_request(&TokenParams::new()).unwrap();
    let mac = serde_json::to_value(&signed).unwrap()["mac"].as_str().unwrap().to_owned();
    for answer in reflect(&mac) {
        not_shown(fails(RequestToken::new(&Endpoint::default(), &signed), answer), &[&mac]);
    }
    let mut headers = HeaderMap::new();
    headers.insert("authorization", "Bearer session-of-bob".parse().unwrap());
    headers.insert("x-session", "5f0c-4711".parse().unwrap());
    let auth_url = AuthUrl::new("https://example.com/ably?api=in-the-url")
        .unwrap()
        .auth_headers(headers)
        .auth_params([("k", "in-the-params")]);
    for text in ["session-of-bob", "5f0c-4711", "in-the-url", "in-the-params"] {
        for answer in reflect(text) {
            not_shown(fails(QueryAuthUrl::new(&auth_url, &TokenParams::new()), answer), &[text]);
        }
    }
}

/// A service may put a reflected credential where the text is cut.
#[test]
fn credentials_around_cut_are_replaced() {
    let bearer = Authorization::bearer(&Token::new("xVLyHw.Dtxd9tuz-Dtxd9tuz").unwrap());
    for begins_at in 4096 - 60..4096 + 8 {
        let message = format!("{}xVLyHw.Dtxd9tuz-Dtxd9tuz, not good", " ".repeat(begins_at));
        for answer in [body(&message), header(&message)] {
            let error = fails_with(&bearer, answer);
            let info = error.error_info().unwrap();
            for text in [info.message(), info.cause().map_or("", |cause| cause.message())] {
                assert!("[redacted], not good".starts_with(text.trim_start()), "{begins_at}: {:?}", text.trim_start());
            }
            assert!(!shown(&error).contains("xV"), "{begins_at}");
        }
    }
}

/// A batch with success may hold errors, and the answer of an auth URL a content type, that repeat a credential.
#[test]
fn credentials_outside_error_bodies_are_replaced() {
    let request = RevokeTokensRequest::new([TokenRevocationTargetSpecifier::client_id("bob")]);
    let mut revoke = RevokeTokens::new(&Endpoint::default(), &key(), &request);
    revoke.start();
    let failed = serde_json::json!({"target": "clientId:bob", "error": {"code": 40000, "message": "no kept-secret"}});
    let batch = serde_json::json!({"successCount": 0, "failureCount": 1, "results": [failed]});
    let Step::Done(Ok(batch)) = revoke.answered(Ok(answer(201, batch.to_string()))) else { panic!("it is a batch") };
    assert!(format!("{batch:?}").contains("no [redacted]"), "{batch:?}");

    let auth_url = AuthUrl::new("https://example.com/ably").unwrap().auth_params([("k", "In-The-Params")]);
    let mut reflects = answer(200, "x");
    reflects.headers_mut().insert("content-type", "text/In-The-Params".parse().unwrap());
    let error = fails(QueryAuthUrl::new(&auth_url, &TokenParams::new()), reflects);
    assert!(error.to_string().contains("`text/[redacted]`"), "{error}");
}
