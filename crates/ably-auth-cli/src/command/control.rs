//! A client of the Control API, for apps and keys.

use ably_auth::{BlockingTransport as _, Endpoint, ErrorInfo, Token};
use ably_auth_blocking::{ClientOptions, UreqTransport};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::args;
use crate::draw::printable;
use crate::input;
use crate::output::Failure;
use crate::progress::waiting;

/// A client with the URL and the access token of a Control API.
pub(super) struct Control {
    endpoint: Endpoint,
    /// The path of the URL, without a `/` at its end.
    path: String,
    token: Token,
    transport: UreqTransport,
}

impl Control {
    pub(super) fn new(args: &args::Control) -> Result<Self, Failure> {
        let wrong = |problem: &str| Failure::input("--control-url", problem);
        let form = "it is not a URL such as `https://host/path`";
        // Do not quote the URL, because it may contain credentials.
        let (scheme, rest) = args.control_url.trim().split_once("://").ok_or_else(|| wrong(form))?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let endpoint = Endpoint::parse(&format!("{}://{authority}", scheme.to_ascii_lowercase()))
            .map_err(|error| Failure::input("--control-url", error))?;
        if path.contains(['?', '#']) {
            return Err(wrong("it has a query or a fragment; leave out the part from `?` or `#`"));
        }
        if !endpoint.is_tls() && !endpoint.is_loopback() {
            return Err(wrong(
                "an access token must not travel without TLS; give an `https` URL, or one of this machine",
            ));
        }
        let path = path.trim_end_matches('/');
        let roots = input::with_roots(ClientOptions::new(), &args.roots)?;
        Ok(Self {
            path: if path.is_empty() { String::new() } else { format!("/{path}") },
            token: input::control_token(args.control_token.as_deref())?,
            transport: UreqTransport::for_settings(roots.get_http_settings())?,
            endpoint,
        })
    }

    /// Sends a request, and returns the JSON of the response, or null for a response without content. The segments of
    /// `path` are not escaped.
    pub(super) fn call(&self, method: Method, path: &[&str], body: Option<&Value>) -> Result<Value, Failure> {
        let path = format!("{}/{}", self.path, path.join("/"));
        let request = Request::builder()
            .method(method)
            .uri(self.endpoint.uri(&path)?)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json")
            .header(AUTHORIZATION, format!("Bearer {}", self.token.expose()))
            .body(body.map_or_else(Bytes::new, |body| body.to_string().into()))
            .map_err(|error| Failure::Input(format!("the request cannot be built: {error}")))?;
        let response = waiting("the Control API", || self.transport.send(request)).map_err(ably_auth::Error::from)?;
        let status = response.status();
        if status == StatusCode::NO_CONTENT {
            return Ok(Value::Null);
        }
        if status.is_success() {
            return serde_json::from_slice(response.body()).map_err(|_| unexpected_response(status));
        }
        match serde_json::from_slice::<ErrorInfo>(response.body()) {
            Ok(info) => Err(Failure::Failed { text: printable(&info.to_string()), json: json!({ "error": info }) }),
            Err(_) => Err(unexpected_response(status)),
        }
    }
}

/// Returns an error for a response that is not from a Control API. It does not quote the body, which may have any
/// content.
fn unexpected_response(status: StatusCode) -> Failure {
    let text = format!("the response with status {} is not from the Control API; check --control-url", status.as_u16());
    let json = json!({ "error": { "statusCode": status.as_u16(), "message": text } });
    Failure::Failed { text, json }
}

/// Returns `text` if it is a valid ID, which is safe in a path.
pub(super) fn id<'a>(name: &str, text: &'a str) -> Result<&'a str, Failure> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if text.is_empty() || !text.bytes().all(is_plain) {
        return Err(Failure::input(name, "it is not an ID; use at least one of the characters `A-Z a-z 0-9 _ -`"));
    }
    Ok(text)
}

/// Returns the text of the field `name`, or an empty text without the field.
pub(super) fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer.get(name).and_then(Value::as_str).unwrap_or_default()
}
