//! Requests to the service, one after another. A response is never a server error; a refusal has a known code, in its
//! headers and in its body; a body is of the type that it names; none shows a secret; and the memory is bounded by that of
//! the request.
//!
//! A request is text: a line with the method and the path, lines with headers, an empty line, and the body. Requests are
//! separated by lines of `---`. `$BASIC`, `$TOKEN`, `$JWT` and `$CONTROL` are valid credentials.

use std::cell::OnceCell;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use ably_auth_core::{ErrorCode, Nonce, Timestamp, Token, TokenParams, TokenRequest, jwt};
use ably_auth_server::{Apps, Service, ServiceBuilder};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, Uri};
use serde::de::IgnoredAny;

use crate::memory::Bound;
use crate::{NOW, SECRET};

/// A page of the console has up to 60 KB. A body is copied up to three times; short JSON values, and the comparison of a
/// capability, take more.
const MEMORY: Bound = Bound { fixed: 256 * 1024, factor: 128 };

pub const REVOCABLE: &str = "app1.revocable";
const CONTROL: &str = "control-access-token-of-the-tests";

pub fn apps() -> Apps {
    let json = serde_json::json!({ "appId": "app1", "revocationByChannel": true, "keys": [
        { "id": "key1", "secret": SECRET },
        { "id": "revocable", "secret": SECRET, "revocableTokens": true },
        { "id": "limited", "secret": SECRET, "capability": r#"{"chat:*":["publish","subscribe"],"status":["history"]}"# },
        { "id": "revoked", "secret": SECRET, "enabled": false },
    ] });
    Apps::from_json(&json.to_string()).unwrap()
}

pub fn build(sandbox: bool) -> Service {
    builder(sandbox).build().unwrap()
}

pub fn builder(sandbox: bool) -> ServiceBuilder {
    Service::builder()
        .apps(apps())
        .sandbox(sandbox)
        .control_token(Token::new(CONTROL).unwrap())
        .clock(|| Timestamp::from_millis(NOW))
        .steady_clock(|| std::time::Duration::ZERO)
        .service_secret([7; 32])
}

/// Returns the response to a request that waits for nothing.
pub fn answer(service: &Service, request: Request<Bytes>) -> Response<Bytes> {
    match pin!(service.handle(request)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(response) => response,
        Poll::Pending => panic!("a request waits, although the store is in memory"),
    }
}

/// Replaces the names of credentials by valid ones.
pub fn with_credentials(service: &Service, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut replace = |name: &str, value: &dyn Fn() -> String| {
        while let Some(at) = bytes.windows(name.len()).position(|part| part == name.as_bytes()) {
            bytes.splice(at..at + name.len(), value().into_bytes());
        }
    };
    let key = format!("{REVOCABLE}:{SECRET}").parse().unwrap();
    let (now, params) = (Timestamp::from_millis(NOW), TokenParams::new().client_id("bob"));
    let signed = |nonce| {
        let signed = TokenRequest::sign(&key, &params, now, Nonce::from_random(&[nonce; 16])).unwrap();
        serde_json::to_string(&signed).unwrap()
    };
    replace("$BASIC", &|| format!("Basic {}", STANDARD.encode(format!("{REVOCABLE}:{SECRET}"))));
    replace("$CONTROL", &|| format!("Bearer {CONTROL}"));
    replace("$SECRET", &|| SECRET.to_owned());
    replace("$JWT", &|| jwt::mint(&key, &params, now).unwrap().expose().to_owned());
    replace("$SIGNED", &|| signed(7));
    let token = OnceCell::new();
    replace("$TOKEN", &|| {
        let issue = || {
            let request = Request::post(format!("/keys/{REVOCABLE}/requestToken"));
            let response = answer(service, request.body(signed(8).into()).unwrap());
            let details: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
            details["token"].as_str().unwrap().to_owned()
        };
        token.get_or_init(issue).clone()
    });
    bytes
}

pub fn run(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else { return };
    let service = build(mode % 2 == 0);
    let rest = with_credentials(&service, rest);
    let mut rest = &rest[..];
    while !rest.is_empty() {
        let end = rest.windows(5).position(|bytes| bytes == b"\n---\n");
        let (one, after) = end.map_or((rest, &[][..]), |end| (&rest[..end], &rest[end + 5..]));
        rest = after;
        if let Some(request) = parse(one) {
            check(&service, request, mode % 2 == 0);
        }
    }
}

fn parse(bytes: &[u8]) -> Option<Request<Bytes>> {
    let end = bytes.windows(2).position(|bytes| bytes == b"\n\n").unwrap_or(bytes.len());
    let (head, body) = (&bytes[..end], bytes.get(end + 2..).unwrap_or_default());
    let mut lines = std::str::from_utf8(head).ok()?.split('\n');
    let (method, uri) = lines.next()?.split_once(' ')?;
    let mut request = Request::new(Bytes::new());
    *request.method_mut() = Method::from_bytes(method.as_bytes()).ok()?;
    *request.uri_mut() = uri.parse::<Uri>().ok()?;
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        request.headers_mut().append(name, HeaderValue::from_bytes(value.trim().as_bytes()).ok()?);
    }
    *request.body_mut() = Bytes::copy_from_slice(body);
    Some(request)
}

fn check(service: &Service, request: Request<Bytes>, is_sandbox: bool) {
    let headers = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>();
    let bytes = request.body().len() + headers + request.uri().to_string().len();
    let may_show_secrets =
        is_sandbox || request.headers().values().any(|value| value.as_bytes().ends_with(CONTROL.as_bytes()));
    let is_head = request.method() == Method::HEAD;
    let line = format!("{} {}", request.method(), request.uri());
    let response = MEMORY.check(bytes, || answer(service, request));
    let status = response.status().as_u16();
    assert!(status < 500, "{line}: {response:?}");
    let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap_or_default());
    let shown = String::from_utf8_lossy(response.body());
    assert!(may_show_secrets || !shown.contains(SECRET), "{line}: {shown}");
    // The message about an unknown app has the name of the app.
    assert!(line.contains(CONTROL) || !shown.contains(CONTROL), "{line}: {shown}");
    if status >= 400 {
        let code: u32 =
            header("x-ably-errorcode").unwrap_or_default().parse().unwrap_or_else(|_| panic!("{line}: {response:?}"));
        assert!(ErrorCode::KNOWN.contains(&ErrorCode::new(code)), "{line}: {code}");
        assert!(header("x-ably-errormessage").is_some_and(|message| !message.is_empty()), "{line}");
    }
    if response.body().is_empty() || is_head {
        return;
    }
    match header("content-type").unwrap_or_default().split(';').next() {
        Some("application/json") => drop(serde_json::from_slice::<IgnoredAny>(response.body()).expect(&line)),
        Some("application/x-msgpack") => drop(rmp_serde::from_slice::<IgnoredAny>(response.body()).expect(&line)),
        Some("") | None => panic!("{line} has a body without a type"),
        _ => {}
    }
}
