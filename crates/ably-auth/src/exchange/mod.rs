//! Exchanges with the service, as state machines without I/O.
//!
//! An exchange returns the request to send, takes its response, and returns the next step. The async and the blocking
//! client are loops around the same state machines ([`run`], [`run_blocking`]), so each rule is written once, and tests
//! run without a network.
//!
//! ```
//! use ably_auth::exchange::{Exchange, ServerTime, Step};
//! use ably_auth::{Endpoint, Timestamp};
//! use bytes::Bytes;
//! use http::Response;
//!
//! let mut exchange = ServerTime::new(&Endpoint::default());
//! let Step::Send(request) = exchange.start() else { panic!("expected a request") };
//! assert_eq!(request.uri(), "https://main.realtime.ably.net/time");
//!
//! let answer = Response::new(Bytes::from_static(b"[1449746287318]"));
//! let Step::Done(time) = exchange.answered(Ok(answer)) else { panic!("expected the end") };
//! assert_eq!(time?, Timestamp::from_millis(1_449_746_287_318));
//! # Ok::<(), ably_auth::Error>(())
//! ```

mod answer;
mod auth_url;
mod authenticated;
mod fallback;
mod issue_token;
pub(crate) mod outgoing;
mod redacted_debug;
mod request_id;
mod request_token;
mod revoke_tokens;
mod sent_secrets;
mod server_time;
mod token_params_query;

pub use auth_url::QueryAuthUrl;
pub use authenticated::{AuthenticatedCall, CallStep};
pub use fallback::{FallbackStep, HostFallback, Hosts};
pub use issue_token::IssueToken;
pub use outgoing::{Authorization, X_ABLY_CLIENT_ID, X_ABLY_VERSION};
pub use request_token::RequestToken;
pub use revoke_tokens::RevokeTokens;
pub use server_time::ServerTime;
pub use token_params_query::token_params_query;

pub(crate) use request_id::add_request_id;

use std::fmt;

use bytes::Bytes;
use http::{Request, Response};

use crate::error::Error;
use crate::transport::{BlockingTransport, Transport, TransportFault};
use redacted_debug::RedactedDebug;

/// The next step of an exchange.
///
/// ```
/// use ably_auth::Endpoint;
/// use ably_auth::exchange::{Exchange as _, ServerTime, Step};
///
/// match ServerTime::new(&Endpoint::default()).start() {
///     Step::Send(request) => assert_eq!(request.uri().path(), "/time"),
///     Step::Done(_) => panic!("the service was not asked"),
/// }
/// ```
#[allow(clippy::large_enum_variant, reason = "only one step exists at a time, and most steps are `Send`")]
pub enum Step<T> {
    /// Send this request, and pass the response to [`Exchange::answered`].
    Send(Request<Bytes>),
    /// The exchange has ended with this outcome.
    Done(Result<T, Error>),
}

impl<T: fmt::Debug> fmt::Debug for Step<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(request) => f.debug_tuple("Send").field(&RedactedDebug(request)).finish(),
            Self::Done(outcome) => f.debug_tuple("Done").field(outcome).finish(),
        }
    }
}

/// One exchange with the service. The caller sends its requests.
///
/// ```
/// use ably_auth::exchange::{Exchange, ServerTime, Step};
/// use ably_auth::{Endpoint, Error, TransportFault};
/// use bytes::Bytes;
/// use http::{Request, Response};
///
/// fn send(request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
///     Ok(Response::new(Bytes::from_static(b"[1449746287318]"))) // sends the request
/// }
///
/// fn run<E: Exchange>(mut exchange: E) -> Result<E::Output, Error> {
///     let mut step = exchange.start();
///     loop {
///         step = match step {
///             Step::Send(request) => exchange.answered(send(request)),
///             Step::Done(outcome) => return outcome,
///         };
///     }
/// }
/// assert_eq!(run(ServerTime::new(&Endpoint::default()))?.as_millis(), 1_449_746_287_318);
/// # Ok::<(), ably_auth::Error>(())
/// ```
pub trait Exchange {
    /// The result of the exchange.
    type Output;

    /// Returns the first step.
    fn start(&mut self) -> Step<Self::Output>;

    /// Returns the step after a response, or after a fault without a response, to the last request.
    fn answered(&mut self, answer: Result<Response<Bytes>, TransportFault>) -> Step<Self::Output>;
}

/// Runs an exchange over an async transport.
///
/// # Errors
/// The error that the exchange ends with.
pub async fn run<E: Exchange>(mut exchange: E, transport: &(impl Transport + ?Sized)) -> Result<E::Output, Error> {
    let mut step = exchange.start();
    loop {
        match step {
            Step::Send(request) => {
                let uri = request.uri().clone();
                step = exchange.answered(transport.send(request).await.map_err(|fault| fault.with_host(&uri)));
            }
            Step::Done(outcome) => return outcome,
        }
    }
}

/// Runs an exchange over a blocking transport.
///
/// # Errors
/// The error that the exchange ends with.
pub fn run_blocking<E: Exchange>(
    mut exchange: E,
    transport: &(impl BlockingTransport + ?Sized),
) -> Result<E::Output, Error> {
    let mut step = exchange.start();
    loop {
        match step {
            Step::Send(request) => {
                let uri = request.uri().clone();
                step = exchange.answered(transport.send(request).map_err(|fault| fault.with_host(&uri)));
            }
            Step::Done(outcome) => return outcome,
        }
    }
}

/// Returns the first step of an exchange that has only one request.
fn start_once<T>(request: &mut Option<Result<Request<Bytes>, Error>>) -> Step<T> {
    match request.take() {
        Some(Ok(request)) => Step::Send(request),
        Some(Err(error)) => Step::Done(Err(error)),
        None => misused(),
    }
}

fn misused<T>() -> Step<T> {
    Step::Done(Err(Error::configuration(
        "invalid use of an exchange: it was started twice, or got a response without a request; create a new one for \
         each run",
    )))
}
