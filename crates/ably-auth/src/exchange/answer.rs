//! Parses responses of the service.

use std::time::Duration;

use ably_auth_core::{ErrorCode, ErrorEnvelope, ErrorInfo};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE, RETRY_AFTER};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::sent_secrets::SentSecrets;
use crate::error::Error;
use crate::request_id::RequestId;

const X_ABLY_ERRORCODE: &str = "x-ably-errorcode";
const X_ABLY_ERRORMESSAGE: &str = "x-ably-errormessage";

/// The maximum nesting depth of a MessagePack body, so that a hostile response cannot overflow the stack. The JSON
/// parser has its own limit.
const MAX_DEPTH: usize = 64;

/// The maximum time of a `Retry-After`: a day.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// The maximum bytes of a message from a header. The message is ASCII, so the cut splits no character. It may split a
/// credential; [`SentSecrets::redact`] then removes the part that is left.
const MAX_MESSAGE_BYTES: usize = ably_auth_core::PrintableText::MAX_BYTES;

/// Parses a body of JSON or MessagePack, or returns the error that the response contains.
pub(super) fn read<T: DeserializeOwned>(answer: &Response<Bytes>, what: &str, sent: &SentSecrets) -> Result<T, Error> {
    if !answer.status().is_success() {
        return Err(refusal(answer, sent));
    }
    body(answer).map_err(|place| {
        Error::answer(format!(
            "invalid response (status {}): it does not contain {what} in {place}; check that the endpoint is an Ably \
             service",
            answer.status().as_u16()
        ))
        .with_request_id(request_id(answer))
    })
}

/// Returns the error for a response without success.
pub(super) fn refusal(answer: &Response<Bytes>, sent: &SentSecrets) -> Error {
    let (status, info) = (answer.status().as_u16(), error_info(answer, sent));
    let error = if matches!(status, 301..=303 | 307 | 308) {
        Error::redirected(info, status)
    } else {
        Error::refused(info).with_retry_after(retry_after(answer))
    };
    error.with_request_id(request_id(answer))
}

/// Returns the error of a response: from its body, else from its headers, else from its status.
pub(super) fn error_info(answer: &Response<Bytes>, sent: &SentSecrets) -> ErrorInfo {
    let status = answer.status().as_u16();
    if let Some(info) = body_error(answer, sent) {
        return info;
    }
    let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
    let code = header(X_ABLY_ERRORCODE).and_then(|code| code.parse().ok()).unwrap_or(u32::from(status) * 100);
    let message = header(X_ABLY_ERRORMESSAGE).map(|message| message.get(..MAX_MESSAGE_BYTES).unwrap_or(message));
    let message = message.map_or_else(|| format!("no error in the body; status {status}"), Into::into);
    sent.redact(ErrorInfo::new(ErrorCode::new(code), message).with_status(status))
}

/// The maximum size, in bytes, of a body that is parsed as an error. Parsing a hostile body can take its size times the
/// number of nested causes.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// Returns the error in the body of a response, unless the body is too large for one.
pub(super) fn body_error(answer: &Response<Bytes>, sent: &SentSecrets) -> Option<ErrorInfo> {
    #[derive(Deserialize)]
    struct Envelope {
        error: Status,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Status {
        status_code: Option<IgnoredAny>,
    }

    if answer.body().len() > MAX_ERROR_BYTES {
        return None;
    }
    let ErrorEnvelope { error } = body(answer).ok()?;
    let says_status = body::<Envelope>(answer).is_ok_and(|envelope| envelope.error.status_code.is_some());
    let error = if says_status { error } else { error.with_status(answer.status().as_u16()) };
    Some(sent.redact(error))
}

/// Returns the time in `Retry-After` of a response with 429 or 503. A date is compared with the `Date` of the same
/// response, so that the clocks of client and service need not agree.
pub(super) fn retry_after(answer: &Response<Bytes>) -> Option<Duration> {
    if !matches!(answer.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        return None;
    }
    let header = |name| answer.headers().get(name)?.to_str().ok().map(str::trim);
    let value = header(RETRY_AFTER)?;
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let wait = if is_number {
        Duration::from_secs(value.parse().unwrap_or(u64::MAX))
    } else {
        let until = httpdate::parse_http_date(value).ok()?;
        until.duration_since(httpdate::parse_http_date(header(DATE)?).ok()?).unwrap_or_default()
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

/// Returns the media type of a response as written, without parameters.
pub(super) fn content_type(answer: &Response<Bytes>) -> Option<String> {
    let text = answer.headers().get(CONTENT_TYPE)?.to_str().ok()?;
    Some(text.split(';').next().unwrap_or_default().trim().to_owned())
}

/// Parses the body, or returns its format and the place of the error. The parser's message is not used, because it may
/// quote a token from the body.
fn body<T: DeserializeOwned>(answer: &Response<Bytes>) -> Result<T, String> {
    if content_type(answer).is_some_and(|it| it.eq_ignore_ascii_case("application/x-msgpack")) {
        let mut reader = rmp_serde::Deserializer::from_read_ref(answer.body());
        reader.set_max_depth(MAX_DEPTH);
        return T::deserialize(&mut reader).map_err(|_| "MessagePack".to_owned());
    }
    serde_json::from_slice(answer.body())
        .map_err(|error| format!("JSON (line {} column {})", error.line(), error.column()))
}

fn request_id(answer: &Response<Bytes>) -> Option<RequestId> {
    answer.extensions().get().cloned()
}
