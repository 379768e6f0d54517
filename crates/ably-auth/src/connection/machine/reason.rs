//! The reasons of changes.

use std::error::Error as _;

use ably_auth_core::realtime::ProtocolMessage;
use ably_auth_core::{ErrorCode, ErrorInfo};

use crate::error::{Error, ErrorKind};
use crate::transport::{FaultKind, TransportFault};

/// Returns the reason for the application, from an error of this crate.
pub(super) fn of(error: &Error) -> ErrorInfo {
    let of_service = error.error_info().filter(|_| matches!(error.kind(), ErrorKind::Refused | ErrorKind::Connection));
    // An auth callback may fail with an error of the service, or of its own backend (`RSA4c2`).
    let of_callback = error.source().filter(|_| error.kind() == ErrorKind::AuthCallback);
    let of_callback = of_callback.and_then(|source| source.downcast_ref::<ErrorInfo>());
    if let Some(info) = of_service.or(of_callback) {
        return info.clone();
    }
    let info = |text: String| ErrorInfo::new(error.ably_code(), text).with_status(error.status_code());
    // The texts of these errors omit their source, which the application should see.
    let has_source = error.kind() == ErrorKind::AuthCallback || error.transport_fault().is_some();
    match error.source().filter(|_| has_source) {
        Some(source) => info(error.to_string()).with_cause(info(source.to_string())),
        None => info(error.to_string()),
    }
}

/// Returns the reason for a token that could not be obtained (`RSA4c`), and true if a retry cannot help (`RSA4d`).
/// `refused` is the reason why the service refused the former token.
pub(super) fn no_token(error: &Error, refused: Option<&ErrorInfo>) -> (ErrorInfo, bool) {
    let cause = of(error);
    let with_status = |status| {
        let text = "the client could not get a token: see the cause";
        ErrorInfo::new(ErrorCode::TOKEN_REQUEST_FAILED, text).with_status(status).with_cause(cause.clone())
    };
    match error.kind() {
        // `RSA4a2`
        ErrorKind::NoMeansToRenew => (refused.map_or(cause.clone(), |refused| cause.with_cause(refused.clone())), true),
        // The options cannot work, or the token has another clientId (`RSA15c`).
        ErrorKind::Configuration => (cause, true),
        _ if error.status_code() == 403 => (with_status(403), true),
        _ => (with_status(401), false),
    }
}

/// Returns true if the host failed, not the request, so that another host may serve it (`RTN17f`).
pub(super) fn is_of_host(error: &Error) -> bool {
    let is_fault = error.transport_fault().is_some_and(|fault| fault.kind().is_of_host());
    is_fault || matches!(error.status_code(), 500..=504)
}

pub(super) fn lost() -> ErrorInfo {
    ErrorInfo::new(ErrorCode::CONNECTION_DISCONNECTED, "the connection was lost")
}

/// Returns the fault of a socket on which nothing arrives in time.
pub(super) fn silence() -> Error {
    TransportFault::new(FaultKind::TimedOut, "the service sent nothing in time").into()
}

pub(super) fn incompatible_identity() -> ErrorInfo {
    let text = "the connection has another clientId than the client; use a token with the client's clientId";
    ErrorInfo::new(ErrorCode::INCOMPATIBLE_CREDENTIALS, text)
}

pub(super) fn closed() -> ErrorInfo {
    ErrorInfo::new(ErrorCode::CONNECTION_CLOSED, "the application closed the connection")
}

/// The minimum bytes of a text that is removed from an error. Shorter texts occur by chance in any message.
const MIN_SECRET_BYTES: usize = 4;

/// Returns the message without `secrets` in its error, in case the service repeats what was sent.
pub(super) fn without(secrets: &[&str], message: ProtocolMessage) -> ProtocolMessage {
    let Some(error) = message.get_error().cloned() else { return message };
    let secrets: Vec<&str> = secrets.iter().copied().filter(|secret| secret.len() >= MIN_SECRET_BYTES).collect();
    message.error(error.without(&secrets))
}

/// Returns the fault of a token source that gives the token again that the service has refused.
pub(super) fn same_token(refused: &ErrorInfo) -> Error {
    let text =
        "the token source gave the token again that the service has refused; check that it does not cache tokens";
    let info = ErrorInfo::new(ErrorCode::AUTH_SOURCE_FAILED, text).with_cause(refused.clone());
    Error::connection(info)
}
