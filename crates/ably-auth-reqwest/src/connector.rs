//! Connections of the own HTTP client, direct or through a proxy.

use std::error::Error as StdError;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::dns::{GaiAddrs, GaiFuture, GaiResolver, Name};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use rustls::ClientConfig;
use tower_service::Service;

use crate::proxies::{Proxies, UnsupportedProxy};

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

type Connecting = Pin<Box<dyn Future<Output = Result<Link, BoxError>> + Send>>;

/// A connector that uses TLS for `https` URIs, with a time limit for each connection attempt.
#[derive(Clone)]
pub(crate) struct Connector {
    https: HttpsConnector<Route>,
    timeout: Duration,
}

impl Connector {
    pub(crate) fn new(tls: Arc<ClientConfig>, proxies: Arc<Proxies>, timeout: Duration) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Resolver(GaiResolver::new()));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(timeout));
        let to_proxy = HttpsConnector::from((tcp.clone(), Arc::clone(&tls)));
        Self { https: HttpsConnector::from((Route { tcp, to_proxy, proxies }, tls)), timeout }
    }
}

impl Service<Uri> for Connector {
    type Response = Link;
    type Error = BoxError;
    type Future = Connecting;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.https.poll_ready(context)
    }

    fn call(&mut self, to: Uri) -> Connecting {
        let (connecting, timeout) = (self.https.call(to), self.timeout);
        Box::pin(async move {
            let stream = tokio::time::timeout(timeout, connecting).await.map_err(|_| TimedOut)??;
            Ok(Link::new(stream))
        })
    }
}

/// The error when no connection is established within the time limit.
#[derive(Debug)]
pub(crate) struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("timed out while connecting")
    }
}

impl StdError for TimedOut {}

/// A connector to a host or to its proxy, without the TLS of the host.
#[derive(Clone)]
struct Route {
    tcp: HttpConnector<Resolver>,
    to_proxy: HttpsConnector<HttpConnector<Resolver>>,
    proxies: Arc<Proxies>,
}

impl Service<Uri> for Route {
    type Response = Link;
    type Error = BoxError;
    type Future = Connecting;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        // `call` clones a connector for each connection, and waits until the clone is ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Connecting {
        let Some(proxy) = self.proxies.proxy_for(&to) else {
            let connecting = connect(self.tcp.clone(), to);
            return Box::pin(async move { connecting.await.map(Link::new) });
        };
        if let Err(unsupported) = UnsupportedProxy::check(&proxy) {
            return Box::pin(async { Err(unsupported.into()) });
        }
        let to_proxy = self.to_proxy.clone();
        if to.scheme() == Some(&Scheme::HTTP) {
            let connecting = connect(to_proxy, proxy.uri().clone());
            return Box::pin(async move { connecting.await.map(Link::to_proxy) });
        }
        let mut tunnel = Tunnel::new(proxy.uri().clone(), to_proxy);
        if let Some(authorization) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(authorization.clone());
        }
        let connecting = connect(tunnel, to);
        Box::pin(async move { connecting.await.map(Link::new) })
    }
}

async fn connect<S>(mut service: S, to: Uri) -> Result<S::Response, BoxError>
where
    S: Service<Uri, Error: Into<BoxError>>,
{
    poll_fn(|context| service.poll_ready(context)).await.map_err(Into::into)?;
    service.call(to).await.map_err(Into::into)
}

/// The operating system's resolver, with its own error type so that its errors can be recognized.
#[derive(Clone)]
struct Resolver(GaiResolver);

/// The error when a host's name cannot be resolved.
#[derive(Debug)]
pub(crate) struct Unresolvable(std::io::Error);

impl fmt::Display for Unresolvable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name cannot be resolved")
    }
}

impl StdError for Unresolvable {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}

impl Service<Name> for Resolver {
    type Response = GaiAddrs;
    type Error = Unresolvable;
    type Future = Resolving;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Unresolvable>> {
        self.0.poll_ready(context).map_err(Unresolvable)
    }

    fn call(&mut self, name: Name) -> Resolving {
        Resolving(self.0.call(name))
    }
}

struct Resolving(GaiFuture);

impl Future for Resolving {
    type Output = Result<GaiAddrs, Unresolvable>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map_err(Unresolvable)
    }
}

trait Stream: Read + Write + Connection + Send + Unpin {}

impl<S: Read + Write + Connection + Send + Unpin> Stream for S {}

/// A connection to a host or to a proxy.
pub(crate) struct Link {
    stream: Box<dyn Stream>,
    /// True if a proxy forwards the requests: they then contain the whole URI, because the proxy needs the host.
    is_to_proxy: bool,
}

impl Link {
    fn new(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), is_to_proxy: false }
    }

    fn to_proxy(stream: impl Stream + 'static) -> Self {
        Self { is_to_proxy: true, ..Self::new(stream) }
    }
}

impl Connection for Link {
    fn connected(&self) -> Connected {
        let connected = self.stream.connected();
        if self.is_to_proxy { connected.proxy(true) } else { connected }
    }
}

impl Read for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for Link {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }
}
