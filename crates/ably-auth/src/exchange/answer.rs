//! Reading the service's answers.

use ably_auth_core::{ErrorCode, ErrorEnvelope, ErrorInfo};
use bytes::Bytes;
use http::Response;
use serde::de::DeserializeOwned;

use crate::error::Error;

const X_ABLY_ERRORCODE: &str = "x-ably-errorcode";
const X_ABLY_ERRORMESSAGE: &str = "x-ably-errormessage";

/// Reads a body of JSON, or the error that the answer is.
pub(super) fn json<T: DeserializeOwned>(answer: &Response<Bytes>, what: &str) -> Result<T, Error> {
    if !answer.status().is_success() {
        return Err(Error::refused(error_info(answer)));
    }
    serde_json::from_slice(answer.body()).map_err(|error| {
        // Not the parser's own words, which may quote the body: a token stands in it.
        let (line, column) = (error.line(), error.column());
        Error::answer(format!(
            "the answer (status {}) is not the JSON of {what} (line {line} column {column}); is this an Ably endpoint?",
            answer.status().as_u16()
        ))
    })
}

/// The error that an answer without success is: from its body, else from its headers, else from its status.
pub(super) fn error_info(answer: &Response<Bytes>) -> ErrorInfo {
    let status = answer.status().as_u16();
    if let Ok(envelope) = serde_json::from_slice::<ErrorEnvelope>(answer.body()) {
        return envelope.error;
    }
    let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
    let code = header(X_ABLY_ERRORCODE).and_then(|code| code.parse().ok()).unwrap_or(u32::from(status) * 100);
    let message =
        header(X_ABLY_ERRORMESSAGE).map_or_else(|| format!("no error in the body; status {status}"), Into::into);
    ErrorInfo::new(ErrorCode::new(code), message).with_status(status)
}
