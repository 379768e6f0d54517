//! Transports: they send one request and return its response.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, Uri};

use crate::request_id::RequestId;

/// A transport, which sends requests and returns their responses with any status.
///
/// A transport must not follow redirects, because the request carries credentials. Closures are transports too. To
/// implement it for a type, use [`async_trait`](macro@crate::async_trait).
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
///
/// ```
/// use ably_auth::{FaultKind, Transport, TransportFault, async_trait};
/// use bytes::Bytes;
/// use http::{Request, Response};
///
/// struct MyHttpLibrary; // holds a client of the library
///
/// #[async_trait]
/// impl Transport for MyHttpLibrary {
///     async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
///         Err(TransportFault::new(FaultKind::Unreachable, "this machine is offline"))
///     }
/// }
/// ```
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends `request`, whose URI is absolute.
    ///
    /// # Errors
    /// A [`TransportFault`] if there is no response.
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault>;

    /// Returns a future that completes after `duration`, or `None` if the transport has no timer.
    ///
    /// Without a timer, a wait for a token has no [time limit](crate::ClientOptions::token_timeout).
    fn sleep(&self, duration: Duration) -> Option<Sleep> {
        let _ = duration;
        None
    }
}

/// A future that completes after some time.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

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

/// The blocking variant of [`Transport`].
///
/// ```
/// use ably_auth::{BlockingTransport, TransportFault};
/// use bytes::Bytes;
/// use http::{Request, Response};
///
/// fn always_five(_: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
///     Ok(Response::new(Bytes::from_static(b"[5]")))
/// }
/// let transport: &dyn BlockingTransport = &always_five;
/// ```
pub trait BlockingTransport: Send + Sync {
    /// Sends `request`, whose URI is absolute, and waits for the response.
    ///
    /// # Errors
    /// A [`TransportFault`] if there is no response.
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

/// The kind of a [`TransportFault`]. After any of them except `TooLarge` and `Unsupported`, the request is sent to the
/// next host (`RSC15l`).
///
/// ```
/// use std::io;
///
/// use ably_auth::{FaultKind, TransportFault};
///
/// /// Converts an error of the socket that a transport uses.
/// fn fault(error: io::Error) -> TransportFault {
///     let kind = match error.kind() {
///         io::ErrorKind::ConnectionRefused => FaultKind::Unreachable,
///         io::ErrorKind::TimedOut => FaultKind::TimedOut,
///         _ => FaultKind::Interrupted,
///     };
///     TransportFault::new(kind, error)
/// }
/// assert_eq!(fault(io::ErrorKind::TimedOut.into()).kind(), FaultKind::TimedOut);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// The host's name could not be resolved.
    Unresolvable,
    /// No connection to the host could be established, such as when it refuses connections.
    Unreachable,
    /// The TLS handshake failed, such as when the host's certificate is not trusted.
    Tls,
    /// The connection or the complete response did not arrive in time.
    TimedOut,
    /// The connection failed before the response was complete, or in some other way.
    Interrupted,
    /// The response is larger than the transport allows. Another host would send the same response.
    TooLarge,
    /// The transport sends no such requests, such as that of a connection without an HTTP client.
    Unsupported,
}

impl FaultKind {
    /// Returns true if another host may serve the request.
    pub(crate) const fn is_of_host(self) -> bool {
        !matches!(self, Self::TooLarge | Self::Unsupported)
    }
}

/// An error of a transport: there is no response to a request.
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
    host: Option<Arc<str>>,
    pub(crate) request_id: Option<RequestId>,
}

impl TransportFault {
    /// Creates a fault with its cause. The text of `source` is shown, so it must contain neither credentials nor a
    /// query.
    pub fn new(kind: FaultKind, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind, source: Arc::from(source.into()), host: None, request_id: None }
    }

    /// Adds the host of the request to `uri`, unless the fault has one.
    pub(crate) fn with_host(self, uri: &Uri) -> Self {
        let Some(host) = uri.host() else { return self };
        match uri.port_u16() {
            Some(port) => self.at_host(&format!("{host}:{port}")),
            None => self.at_host(host),
        }
    }

    /// Adds the host, with its port if it is not the usual one, unless the fault has a host.
    ///
    /// ```
    /// use ably_auth::{FaultKind, TransportFault};
    ///
    /// let fault = TransportFault::new(FaultKind::TimedOut, "10 s passed").at_host("ably.example:8443");
    /// assert_eq!(fault.to_string(), "no answer in time (host `ably.example:8443`)");
    /// ```
    #[must_use]
    pub fn at_host(mut self, host: &str) -> Self {
        self.host.get_or_insert_with(|| host.into());
        self
    }

    pub(crate) fn with_request_id(mut self, request_id: RequestId) -> Self {
        self.request_id = Some(request_id);
        self
    }

    /// Returns the kind of the fault.
    #[must_use]
    pub const fn kind(&self) -> FaultKind {
        self.kind
    }

    /// Returns the host that the request was sent to, with its port if the URI has one.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }
}

impl fmt::Display for TransportFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            FaultKind::Unresolvable => "the host's name cannot be resolved",
            FaultKind::Unreachable => "the host cannot be reached",
            FaultKind::Tls => "the TLS handshake failed",
            FaultKind::TimedOut => "no answer in time",
            FaultKind::Interrupted => "the connection failed",
            FaultKind::TooLarge => "the answer is too large",
            FaultKind::Unsupported => "the client sends no such requests",
        })?;
        match &self.host {
            Some(host) => write!(f, " (host `{host}`)"),
            None => Ok(()),
        }
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

    fn sleep(&self, duration: Duration) -> Option<Sleep> {
        (**self).sleep(duration)
    }
}

impl<T: BlockingTransport + ?Sized> BlockingTransport for Arc<T> {
    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
        (**self).send(request)
    }
}
