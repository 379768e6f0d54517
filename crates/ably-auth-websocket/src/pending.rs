//! The futures that a driver waits for.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::task::{Context, Poll};

use ably_auth::connection::{ConnectionAuth, CredentialsQuery};
use ably_auth::{Async, AuthOptions, Credentials, Error, FaultKind, TokenDetails, TokenParams, TransportFault};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

/// The outcome of getting credentials.
pub(crate) struct Got {
    /// The token of an `authorize`.
    pub(crate) details: Option<TokenDetails>,
    pub(crate) outcome: Result<Credentials, Error>,
}

/// Gets credentials, after `authorize` if a call is given.
pub(crate) async fn get(
    auth: ConnectionAuth,
    query: CredentialsQuery,
    call: Option<(Option<TokenParams>, Option<AuthOptions<Async>>)>,
) -> Got {
    let mut details = None;
    if let Some((params, options)) = call {
        match auth.authorize(params.as_ref(), options).await {
            Ok(token) => details = Some(token),
            Err(error) => return Got { details, outcome: Err(error) },
        }
    }
    Got { details, outcome: auth.credentials(&query).await }
}

/// Returns a future whose panic is a fault.
pub(crate) fn guarded<T: 'static>(
    future: impl Future<Output = T> + Send + 'static,
    panicked: impl FnOnce(TransportFault) -> T + Send + 'static,
) -> BoxFuture<'static, T> {
    let fault = |_| TransportFault::new(FaultKind::Interrupted, "code of the application panicked");
    AssertUnwindSafe(future).catch_unwind().map(move |outcome| outcome.map_err(fault).unwrap_or_else(panicked)).boxed()
}

/// Returns the outcome of a future that is ready, and removes it.
pub(crate) fn poll_option<T>(future: &mut Option<BoxFuture<'static, T>>, context: &mut Context<'_>) -> Option<T> {
    match future.as_mut()?.poll_unpin(context) {
        Poll::Ready(outcome) => {
            *future = None;
            Some(outcome)
        }
        Poll::Pending => None,
    }
}
