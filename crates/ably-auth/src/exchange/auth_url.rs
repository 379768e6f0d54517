//! The exchange with an auth URL.

use std::fmt;

use ably_auth_core::{Token, TokenDetails, TokenParams, TokenRequest};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};

use super::sent_secrets::SentSecrets;
use super::token_params_query::{Form, token_params_query};
use super::{Exchange, Step, answer};
use crate::auth_url::{AuthMethod, AuthUrl};
use crate::callback_answer::AuthCallbackAnswer;
use crate::error::Error;
use crate::transport::TransportFault;

/// The maximum bytes of a response: 128 KiB, more than any valid token has (`RSA4f`).
const MAX_ANSWER_BYTES: usize = 128 * 1024;

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
const ANSWERS: HeaderValue = HeaderValue::from_static("application/json, application/jwt, text/plain");

/// The request of a token from an auth URL (`RSA8c`).
///
/// Use a transport without host fallback, because the URL has one host.
///
/// ```
/// use ably_auth::exchange::{Exchange, QueryAuthUrl, Step};
/// use ably_auth::{AuthUrl, TokenParams, Ttl};
///
/// let auth_url = AuthUrl::new("https://example.com/ably?tenant=7")?;
/// let params = TokenParams::new().ttl(Ttl::from_millis(60_000)?);
/// let Step::Send(request) = QueryAuthUrl::new(&auth_url, &params).start() else { panic!("expected a request") };
/// assert_eq!(request.uri(), "https://example.com/ably?tenant=7&ttl=60000");
/// # Ok::<(), ably_auth::Error>(())
/// ```
pub struct QueryAuthUrl {
    request: Option<Result<Request<Bytes>, Error>>,
    sent: SentSecrets,
}

impl QueryAuthUrl {
    /// Creates the request of a token with `params` from `auth_url`.
    #[must_use]
    pub fn new(auth_url: &AuthUrl, params: &TokenParams) -> Self {
        let request = request(auth_url, params);
        let sent = request.as_ref().map(|request| SentSecrets::of_auth_url(request, &auth_url.params));
        Self { sent: sent.unwrap_or_default(), request: Some(request) }
    }
}

fn request(auth_url: &AuthUrl, params: &TokenParams) -> Result<Request<Bytes>, Error> {
    params.check()?;
    let mut form = Form::default();
    for (name, value) in &auth_url.params {
        form.set(name, value);
    }
    for (name, value) in token_params_query(params) {
        form.set(name, &value);
    }
    let mut request = Request::new(Bytes::new());
    *request.headers_mut() = auth_url.headers.clone();
    request.headers_mut().entry(ACCEPT).or_insert(ANSWERS);
    match auth_url.method {
        AuthMethod::Get => *request.uri_mut() = with_query(&auth_url.url, &form)?,
        AuthMethod::Post => {
            *request.method_mut() = Method::POST;
            *request.uri_mut() = auth_url.url.clone();
            request.headers_mut().insert(CONTENT_TYPE, FORM);
            *request.body_mut() = form.encoded().into();
        }
    }
    Ok(request)
}

fn with_query(url: &Uri, form: &Form) -> Result<Uri, Error> {
    let query = form.over(url.query().unwrap_or_default());
    let path = if query.is_empty() { url.path().to_owned() } else { format!("{}?{query}", url.path()) };
    let mut parts = url.clone().into_parts();
    let too_long = || Error::configuration("the params do not fit into the auth URL's query; send them by POST");
    parts.path_and_query = Some(path.parse::<PathAndQuery>().map_err(|_| too_long())?);
    Uri::from_parts(parts).map_err(|_| too_long())
}

impl Exchange for QueryAuthUrl {
    type Output = AuthCallbackAnswer;

    fn start(&mut self) -> Step<AuthCallbackAnswer> {
        super::start_once(&mut self.request)
    }

    fn answered(&mut self, answer: Result<Response<Bytes>, TransportFault>) -> Step<AuthCallbackAnswer> {
        Step::Done(answer.map_err(Error::auth_url_fault).and_then(|answer| read(&answer, &self.sent)))
    }
}

fn read(answer: &Response<Bytes>, sent: &SentSecrets) -> Result<AuthCallbackAnswer, Error> {
    let status = answer.status();
    if !status.is_success() {
        return Err(refused(answer, status, sent));
    }
    let body = answer.body();
    if body.len() > MAX_ANSWER_BYTES {
        return Err(Error::auth_url("invalid response of the auth URL: it is larger than 128 KiB; send only a token"));
    }
    let content_type = answer::content_type(answer);
    match content_type.as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("application/json") => json(body),
        Some("text/plain" | "application/jwt") => match std::str::from_utf8(body) {
            Ok(text) => token(text).map(AuthCallbackAnswer::from),
            Err(_) => Err(Error::auth_url("invalid response of the auth URL: it is not text; send a token")),
        },
        _ => Err(Error::auth_url(format!(
            "invalid response of the auth URL: it has {}; send a token as `text/plain` or `application/jwt`, or token \
             details or a token request as `application/json`",
            content_type.map_or_else(
                || "no content type".to_owned(),
                |other| format!("the content type `{}`", sent.redact_text(&other))
            )
        ))),
    }
}

fn refused(answer: &Response<Bytes>, status: StatusCode, sent: &SentSecrets) -> Error {
    let body_error = answer::body_error(answer, sent).map_or_else(String::new, |info| format!(": {}", info.message()));
    let what = format!("the auth URL responded with status {}{body_error}", status.as_u16());
    let advice = match status.as_u16() {
        300..=399 => {
            "redirects are not followed, because they could carry the headers to another host: set the target URL of \
             the redirect"
        }
        401 => "check that `auth_headers` and `auth_params` contain the credentials that its server needs",
        403 => "its server does not allow this user a token",
        404 | 405 => "check the URL and the `auth_method`",
        _ => "check its server's log",
    };
    Error::auth_url_refused(answer::error_info(answer, sent), format!("{what}; {advice}"))
        .with_retry_after(answer::retry_after(answer))
}

/// Parses a token, and ignores whitespace around it, because many servers append a line feed.
fn token(text: &str) -> Result<Token, Error> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::auth_url("invalid response of the auth URL: it is empty; send a token"));
    }
    if matches!(text, "null" | "undefined") {
        return Err(Error::auth_url(
            "invalid response of the auth URL: it is `null` or `undefined`, not a token; check its server's log",
        ));
    }
    if text.starts_with('{') {
        return Err(Error::auth_url(
            "invalid response of the auth URL: it is JSON, but the content type is not; send it as `application/json`",
        ));
    }
    Token::new(text)
        .map_err(|_| Error::auth_url("invalid response of the auth URL: it is not a token; send only a token"))
}

/// Parses token details, a token request, or a token as a JSON string, which servers send that encode any response as
/// JSON.
fn json(body: &[u8]) -> Result<AuthCallbackAnswer, Error> {
    let place = |error: serde_json::Error| {
        Error::auth_url(format!(
            "invalid response of the auth URL: it is not JSON (line {} column {}); send token details or a token \
             request",
            error.line(),
            error.column()
        ))
    };
    let value: serde_json::Value = serde_json::from_slice(body).map_err(place)?;
    if let Some(text) = value.as_str() {
        return token(text).map(AuthCallbackAnswer::from);
    }
    let unfit =
        |what: &str| Error::auth_url(format!("invalid response of the auth URL: {what}; send it as it was issued"));
    // Parse `body`, not `value`: only the text shows whether a member occurs twice.
    if value.get("token").is_some() {
        let details: TokenDetails = serde_json::from_slice(body).map_err(|_| unfit("the token details are invalid"))?;
        return Ok(details.into());
    }
    if value.get("keyName").is_some() {
        let request: TokenRequest = serde_json::from_slice(body).map_err(|_| unfit("the token request is invalid"))?;
        return Ok(request.into());
    }
    Err(Error::auth_url(
        "invalid response of the auth URL: its JSON has neither `token` nor `keyName`; send token details or a token \
         request",
    ))
}

impl fmt::Debug for QueryAuthUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryAuthUrl").finish_non_exhaustive()
    }
}
