//! The service on a socket.

mod admin;
mod connection;
mod forwarded;
mod host;
mod outgoing;
mod phase;
mod request;
mod table;
mod timeouts;
pub(crate) mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time;

use crate::error::{Error, ErrorKind};
use crate::net::tls::Tls;
use crate::service::Service;
use connection::{Connections, Role};

/// How long to wait when the system gives no more connections: most often it has run out of files.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

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
    admin: Option<(TcpListener, SocketAddr)>,
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let unusable = |error: std::io::Error| {
        let message = format!("cannot listen on `{address}`; see whether another program does, or take port 0");
        Error::new(ErrorKind::Network, message).because(error)
    };
    let listener = TcpListener::bind(address).await.map_err(unusable)?;
    let local = listener.local_addr().map_err(unusable)?;
    Ok((listener, local))
}

impl Server {
    /// Listens on that address; port 0 takes any that is free. To be called on a tokio runtime with I/O and time.
    ///
    /// # Errors
    /// [`ErrorKind::Address`] if the service is a sandbox and the address is not loopback; [`ErrorKind::Network`] if the
    /// address cannot be listened on.
    pub async fn bind(address: SocketAddr, service: Service) -> Result<Self, Error> {
        if service.is_sandbox()
            && !service.state().sandbox_access.is_open()
            && !address.ip().to_canonical().is_loopback()
        {
            let message = format!(
                "a sandbox takes keys without TLS and lets anybody make apps, so it must not listen on `{address}`; \
                 listen on `127.0.0.1`, allow a host by name, or turn the sandbox off"
            );
            return Err(Error::new(ErrorKind::Address, message));
        }
        let (listener, local) = listen(address).await?;
        Ok(Self { listener, local, service, tls: None, admin: None })
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

    /// Tells on that address too, without TLS, how the service is: `/health/live`, `/health/ready` (503 if not) and
    /// `/metrics`. Whoever reaches the address may ask, so it should be one of this machine or of a network of one's own.
    ///
    /// ```
    /// use ably_auth_server::{Server, Service};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = Server::bind("127.0.0.1:0".parse()?, Service::builder().build()?).await?;
    /// let server = server.with_admin("127.0.0.1:0".parse()?).await?;
    /// assert!(server.admin_addr().is_some());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Network`] if the address cannot be listened on.
    pub async fn with_admin(mut self, address: SocketAddr) -> Result<Self, Error> {
        self.admin = Some(listen(address).await?);
        Ok(self)
    }

    /// The address that it listens on, with the port that it got.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The address on which it tells how it is, if it does.
    #[must_use]
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|(_, local)| *local)
    }

    /// Serves until `shutdown` completes. Then the service is not ready any more; it serves on for
    /// [`Limits::shutdown_delay`](crate::Limits), takes no more connections, answers what has begun, and stops: after
    /// [`Limits::shutdown_grace`](crate::Limits) at the latest.
    ///
    /// # Errors
    /// [`ErrorKind::Network`] if the socket fails.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<(), Error> {
        let Self { listener, local, service, tls, admin } = self;
        let limits = service.state().limits.clone();
        let (close, closing) = watch::channel(false);
        let admin = admin.map(|(listener, local)| {
            let connections = Connections::new(service.clone(), Role::Admin, local, None, closing.clone());
            tokio::spawn(accept(listener, Arc::new(connections), std::future::pending()))
        });
        let ready = Ready::new(service.clone());
        let ending = {
            let service = service.clone();
            async move {
                shutdown.await;
                service.state().metrics.ready.store(false, Ordering::Relaxed);
                time::sleep(limits.shutdown_delay).await;
            }
        };
        let connections = Connections::new(service, Role::Service, local, tls, closing);
        let mut open = accept(listener, Arc::new(connections), ending).await;
        close.send_replace(true);
        let finish = async { while open.join_next().await.is_some() {} };
        // Whoever is busy still has had their time.
        let _ = time::timeout(limits.shutdown_grace, finish).await;
        open.shutdown().await;
        if let Some(admin) = admin {
            admin.abort();
        }
        drop(ready);
        Ok(())
    }
}

/// The service is ready for as long as this lives, whatever becomes of the server.
struct Ready(Service);

impl Ready {
    fn new(service: Service) -> Self {
        service.state().metrics.ready.store(true, Ordering::Relaxed);
        Self(service)
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        self.0.state().metrics.ready.store(false, Ordering::Relaxed);
    }
}

/// Takes connections until the end; gives those that are open then.
async fn accept(
    listener: TcpListener,
    connections: Arc<Connections>,
    end: impl Future<Output = ()> + Send,
) -> JoinSet<()> {
    let mut open = JoinSet::new();
    let mut end = std::pin::pin!(end);
    loop {
        tokio::select! {
            biased;
            () = &mut end => return open,
            // Of those that are over, nothing is to be kept.
            Some(_) = open.join_next(), if !open.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => take(stream, client, &connections, &mut open),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "no connection can be accepted");
                    time::sleep(ACCEPT_BACKOFF).await;
                }
            }
        }
    }
}

fn take(stream: TcpStream, client: SocketAddr, connections: &Arc<Connections>, open: &mut JoinSet<()>) {
    // Answers are small: waiting to fill a packet would only delay them.
    drop(stream.set_nodelay(true));
    let connections = Arc::clone(connections);
    open.spawn(async move { connections.serve(stream, client.ip()).await });
}

/// Whether the client is gone again before it was looked at.
fn is_of_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
