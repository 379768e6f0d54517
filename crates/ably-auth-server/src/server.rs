//! The service on a socket.

use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::serve::ListenerExt as _;
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{Request, Response};
use tokio::net::TcpListener;

use crate::error::{Error, ErrorKind};
use crate::service::{Arrival, Service};
use crate::tls::{Tls, TlsListener};

/// A [`Service`] that listens on a TCP socket and speaks HTTP/1.1, over TLS if it is told with what.
///
/// ```
/// use ably_auth_server::{Apps, Server, Service};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (apps, key) = Apps::create()?;
/// let service = Service::builder().apps(apps).sandbox(true).build()?;
/// let server = Server::bind("127.0.0.1:0".parse()?, service).await?;
/// println!("take the key {} to http://{}", key.key_name(), server.local_addr());
/// # let interrupted = std::future::ready(());
/// server.run(interrupted).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    local: SocketAddr,
    service: Service,
    tls: Option<Tls>,
}

impl Server {
    /// Listens on that address; port 0 takes any that is free. To be called on a tokio runtime with I/O and time.
    ///
    /// # Errors
    /// [`ErrorKind::Address`] if the service is a sandbox and the address is not loopback; [`ErrorKind::Network`] if the
    /// address cannot be listened on.
    pub async fn bind(address: SocketAddr, service: Service) -> Result<Self, Error> {
        if service.is_sandbox() && !address.ip().to_canonical().is_loopback() {
            let message = format!(
                "a sandbox takes keys without TLS and lets anybody make apps, so it must not listen on `{address}`; \
                 listen on `127.0.0.1`, or turn the sandbox off"
            );
            return Err(Error::new(ErrorKind::Address, message));
        }
        let unusable = |error: std::io::Error| {
            let message = format!("cannot listen on `{address}`; see whether another program does, or take port 0");
            Error::new(ErrorKind::Network, message).because(error)
        };
        let listener = TcpListener::bind(address).await.map_err(unusable)?;
        let local = listener.local_addr().map_err(unusable)?;
        Ok(Self { listener, local, service, tls: None })
    }

    /// Serves over TLS, and not without: keys are then taken from wherever they come.
    ///
    /// ```no_run
    /// use ably_auth_server::{Apps, Server, Service, Tls};
    ///
    /// # async fn serve(apps: Apps) -> Result<(), Box<dyn std::error::Error>> {
    /// let tls = Tls::from_pem(&std::fs::read("certificate.pem")?, &std::fs::read("key.pem")?)?;
    /// let service = Service::builder().apps(apps).build()?;
    /// Server::bind("0.0.0.0:443".parse()?, service).await?.with_tls(tls).run(std::future::pending()).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// The address that it listens on, with the port that it got.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Serves until `shutdown` completes, then answers what has begun and stops.
    ///
    /// # Errors
    /// [`ErrorKind::Network`] if the socket fails.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<(), Error> {
        let Self { listener, local, service, tls } = self;
        let arrival = Arrival { local, is_private: tls.is_some() };
        let router = Router::new().fallback(move |request: Request<Body>| answer(service.clone(), arrival, request));
        let served = match tls {
            Some(tls) => axum::serve(TlsListener::new(listener, tls), router).with_graceful_shutdown(shutdown).await,
            None => {
                // Answers are small: waiting to fill a packet would only delay them.
                let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
                axum::serve(listener, router).with_graceful_shutdown(shutdown).await
            }
        };
        served.map_err(|error| {
            Error::new(ErrorKind::Network, "the socket failed; see why, then start the service again").because(error)
        })
    }
}

async fn answer(service: Service, arrival: Arrival, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = read(&parts, body).await;
    service.answer(&parts, body.as_ref(), Some(arrival)).await.map(Body::from)
}

/// The body, unless it is too large. One that breaks off counts as that too: nobody is there to read the answer.
async fn read(parts: &Parts, body: Body) -> Option<Bytes> {
    let announced = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > Service::MAX_BODY_BYTES as u64) {
        return None;
    }
    to_bytes(body, Service::MAX_BODY_BYTES).await.ok()
}
