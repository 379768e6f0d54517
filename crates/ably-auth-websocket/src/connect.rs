//! The hook that opens byte streams.

use std::future::Future;

use ably_auth::TransportFault;
use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};

/// A byte stream to a host, such as a [`tokio::net::TcpStream`] or a TLS stream over it.
///
/// ```
/// use ably_auth_websocket::ByteStream;
///
/// let (ours, _theirs) = tokio::io::duplex(1_024);
/// let stream: Box<dyn ByteStream> = Box::new(ours);
/// ```
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for S {}

/// A hook that opens byte streams, such as through a proxy: see
/// [`ConnectionOptions::connect_with`](crate::ConnectionOptions::connect_with).
///
/// By default, TLS is added to the stream where the endpoint needs it. A hook with its own TLS returns true from
/// [`has_own_tls`](Self::has_own_tls). Closures are hooks too, without their own TLS:
///
/// ```
/// use ably_auth_websocket::{ByteStream, Connect, FaultKind, TransportFault};
/// use tokio::net::TcpStream;
///
/// /// Opens a stream through a proxy on this machine, which forwards one port.
/// async fn by_tunnel(_host: String, _port: u16) -> Result<Box<dyn ByteStream>, TransportFault> {
///     let stream = TcpStream::connect("127.0.0.1:8443").await;
///     let stream = stream.map_err(|error| TransportFault::new(FaultKind::Unreachable, error))?;
///     Ok(Box::new(stream))
/// }
/// let hook: &dyn Connect = &by_tunnel;
/// assert!(!hook.has_own_tls());
/// ```
#[async_trait]
pub trait Connect: Send + Sync {
    /// Opens a byte stream to `host`, which is a name or an IP address without brackets.
    ///
    /// The client waits for it, with the TLS handshake, for at most
    /// [`http_open_timeout`](ably_auth::ClientOptions::http_open_timeout). It drops the future to stop.
    ///
    /// # Errors
    /// A [`TransportFault`], whose kind tells why there is no stream.
    async fn connect(&self, host: &str, port: u16) -> Result<Box<dyn ByteStream>, TransportFault>;

    /// Returns true if the streams already use TLS, for endpoints with TLS.
    fn has_own_tls(&self) -> bool {
        false
    }
}

#[async_trait]
impl<F, A> Connect for F
where
    F: Fn(String, u16) -> A + Send + Sync,
    A: Future<Output = Result<Box<dyn ByteStream>, TransportFault>> + Send,
{
    async fn connect(&self, host: &str, port: u16) -> Result<Box<dyn ByteStream>, TransportFault> {
        self(host.to_owned(), port).await
    }
}
