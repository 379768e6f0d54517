//! What carries requests: one in, one answer out.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

use crate::exchange::RequestId;

/// Sends a request and gives the answer, whatever its status.
///
/// A transport follows no redirect: the request carries credentials. Closures are transports too.
///
/// ```
/// use ably_auth::{Transport, TransportFault};
/// use bytes::Bytes;
/// use http::{Request, Response};
///
/// async fn always_five(_: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
///     Ok(Response::new(Bytes::from_static(b"[5]")))
/// }
/// let transport: &dyn Transport = &always_five;
/// ```
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends `request`, whose URI is absolute.
    ///
    /// # Errors
    /// A [`TransportFault`] if there is no answer.
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault>;
}

#[async_trait]
impl<F, A> Transport for F
where
    F: Fn(Request<Bytes>) -> A + Send + Sync,
    A: Future<Output = Result<Response<Bytes>, TransportFault>> + Send,
{
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
        self(request).await
    }
}

/// [`Transport`]'s twin for callers that block.
pub trait BlockingTransport: Send + Sync {
    /// Sends `request`, whose URI is absolute, and waits for the answer.
    ///
    /// # Errors
    /// A [`TransportFault`] if there is no answer.
    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault>;
}

impl<F> BlockingTransport for F
where
    F: Fn(Request<Bytes>) -> Result<Response<Bytes>, TransportFault> + Send + Sync,
{
    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
        self(request)
    }
}

/// How a transport failed. Each but the last leads to the next host (`RSC15l`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// The host's name could not be resolved.
    Unresolvable,
    /// There is no way to the host: it refuses connections, or TLS fails.
    Unreachable,
    /// There was no connection, or no answer to its last byte, in time.
    TimedOut,
    /// The connection failed before the answer was complete, or in some other way.
    Interrupted,
    /// The answer is larger than the transport takes. No other host will send a smaller one.
    TooLarge,
}

/// Why there is no answer to a request.
///
/// ```
/// use ably_auth::{FaultKind, TransportFault};
///
/// let fault = TransportFault::new(FaultKind::TimedOut, "10 s passed");
/// assert_eq!(fault.to_string(), "no answer in time");
/// ```
#[derive(Clone, Debug)]
pub struct TransportFault {
    kind: FaultKind,
    source: Arc<dyn StdError + Send + Sync>,
    pub(crate) request_id: Option<RequestId>,
}

impl TransportFault {
    /// A fault and what led to it. The source's text is shown: it must hold neither credentials nor a query.
    pub fn new(kind: FaultKind, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind, source: Arc::from(source.into()), request_id: None }
    }

    pub(crate) fn of_request(mut self, request_id: RequestId) -> Self {
        self.request_id = Some(request_id);
        self
    }

    /// How the transport failed.
    #[must_use]
    pub const fn kind(&self) -> FaultKind {
        self.kind
    }
}

impl fmt::Display for TransportFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            FaultKind::Unresolvable => "the host's name cannot be resolved",
            FaultKind::Unreachable => "the host cannot be reached",
            FaultKind::TimedOut => "no answer in time",
            FaultKind::Interrupted => "the connection failed",
            FaultKind::TooLarge => "the answer is too large",
        })
    }
}

impl StdError for TransportFault {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.source)
    }
}

#[async_trait]
impl<T: Transport + ?Sized> Transport for Arc<T> {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
        (**self).send(request).await
    }
}

impl<T: BlockingTransport + ?Sized> BlockingTransport for Arc<T> {
    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
        (**self).send(request)
    }
}
