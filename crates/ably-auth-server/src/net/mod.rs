//! The server: a service on a TCP socket.

mod admin;
mod connection;
mod forwarded;
mod frames;
mod host;
mod outgoing;
mod phase;
mod request;
#[cfg(feature = "console")]
mod streaming;
mod table;
mod timeouts;
pub(crate) mod tls;
mod websocket;

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
use crate::realtime;
use crate::service::Service;
use connection::{Connections, Role};

/// The time to wait after `accept` failed, which is most often because the process has too many open files. Retrying at
/// once would use all of the CPU.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// The time after which the kernel resets a connection whose client acknowledges nothing that was sent.
#[cfg(target_os = "linux")]
const ACKNOWLEDGEMENT_TIMEOUT: Duration = Duration::from_secs(60);

/// The interval at which a shared store is polled for changes that end realtime connections.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(250);

/// A [`Service`] that listens on a TCP socket and speaks HTTP/1.1, over TLS if it has a certificate.
///
/// ```
/// use ably_auth_server::{Apps, Server, Service};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (apps, key) = Apps::create()?;
/// let service = Service::builder().apps(apps).sandbox(true).build()?;
/// let server = Server::bind("127.0.0.1:0".parse()?, service).await?;
/// println!("the key {} works at http://{}", key.key_name(), server.local_addr());
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
        let message = format!("cannot listen on `{address}`; check whether another program uses it, or use port 0");
        Error::new(ErrorKind::Network, message).because(error)
    };
    let listener = TcpListener::bind(address).await.map_err(unusable)?;
    let local = listener.local_addr().map_err(unusable)?;
    Ok((listener, local))
}

impl Server {
    /// Listens on an address; port 0 selects any free port. Call this on a tokio runtime with I/O and time enabled.
    ///
    /// # Errors
    /// [`ErrorKind::Address`] if the service is a sandbox and the address is not loopback; [`ErrorKind::Network`] if
    /// listening on the address fails.
    pub async fn bind(address: SocketAddr, service: Service) -> Result<Self, Error> {
        if service.is_sandbox()
            && !service.state().sandbox_access.is_open()
            && !address.ip().to_canonical().is_loopback()
        {
            let message = format!(
                "a sandbox accepts keys without TLS and lets anybody create apps, so it must not listen on `{address}`; \
                 listen on `127.0.0.1`, allow a host by name, or turn the sandbox off"
            );
            return Err(Error::new(ErrorKind::Address, message));
        }
        let (listener, local) = listen(address).await?;
        Ok(Self { listener, local, service, tls: None, admin: None })
    }

    /// Serves over TLS only. Clients can then send keys from any address.
    ///
    /// ```no_run
    /// use ably_auth_server::{Apps, Server, Service, Tls};
    ///
    /// # async fn serve(apps: Apps) -> Result<(), Box<dyn std::error::Error>> {
    /// let tls = Tls::from_pem(&std::fs::read("certificate.pem")?, &std::fs::read("key.pem")?)?;
    /// let service = Service::builder().apps(apps).build()?;
    /// Server::bind("0.0.0.0:443".parse()?, service).await?.tls(tls).run(std::future::pending()).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Serves `/health/live`, `/health/ready` (503 if the service is not ready) and `/metrics` on another address,
    /// without TLS. Requests there need no credentials, so use an address that only this machine or your own network
    /// can reach. With a token for it (`ServiceBuilder::admin_console`), the console is there too.
    ///
    /// ```
    /// use ably_auth_server::{Server, Service};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = Server::bind("127.0.0.1:0".parse()?, Service::builder().build()?).await?;
    /// let server = server.admin("127.0.0.1:0".parse()?).await?;
    /// assert!(server.admin_addr().is_some());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Network`] if listening on the address fails.
    pub async fn admin(mut self, address: SocketAddr) -> Result<Self, Error> {
        self.admin = Some(listen(address).await?);
        Ok(self)
    }

    /// Returns the address of the service, with the actual port.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Returns the admin address, with the actual port, if there is one.
    #[must_use]
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|(_, local)| *local)
    }

    /// Serves until `shutdown` completes, and then shuts down gracefully. The service is not ready any more, but serves
    /// on for [`Limits::shutdown_delay`](crate::Limits). Then it accepts no more connections, and finishes the requests
    /// in flight. It stops after [`Limits::shutdown_grace`](crate::Limits) at the latest.
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
        let ready = ReadyGuard::new(service.clone());
        let stop_accepting = {
            let service = service.clone();
            async move {
                shutdown.await;
                service.state().metrics.ready.store(false, Ordering::Relaxed);
                time::sleep(limits.shutdown_delay).await;
            }
        };
        let state = service.shared_state();
        // Dropping the sets ends their tasks, even if the task of the server is cancelled.
        let (mut following, mut relaying) = (JoinSet::new(), JoinSet::new());
        following.spawn(follow_store(service.clone()));
        relaying.spawn(realtime::relay_events(Arc::clone(&state)));
        let connections = Connections::new(service, Role::Service, local, tls, closing);
        let mut open = accept(listener, Arc::new(connections), stop_accepting).await;
        // The other services keep the presence members a little longer, since their clients may connect again.
        relaying.shutdown().await;
        realtime::leave_relay(&state);
        close.send_replace(true);
        let finish = async { while open.join_next().await.is_some() {} };
        // After the grace period, abort the remaining connections.
        let _ = time::timeout(limits.shutdown_grace, finish).await;
        open.shutdown().await;
        following.abort_all();
        if let Some(admin) = admin {
            admin.abort();
        }
        drop(ready);
        Ok(())
    }
}

/// Serves one connection over any stream, as a server on loopback does.
#[cfg(fuzzing)]
pub(crate) async fn serve_stream<S>(service: Service, stream: S, client: std::net::IpAddr)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (_close, closing) = watch::channel(false);
    let local = SocketAddr::from(([127, 0, 0, 1], 80));
    Connections::new(service, Role::Service, local, None, closing).serve_any(stream, client).await;
}

#[cfg(simulation)]
impl Server {
    /// Serves connections over streams of a simulated network, and follows the store, until this is dropped.
    pub async fn serve_streams<S>(service: Service, mut streams: tokio::sync::mpsc::UnboundedReceiver<S>)
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let (_close, closing) = watch::channel(false);
        let local = SocketAddr::from(([127, 0, 0, 1], 80));
        let mut tasks = JoinSet::new();
        tasks.spawn(follow_store(service.clone()));
        tasks.spawn(realtime::relay_events(service.shared_state()));
        let connections = Arc::new(Connections::new(service, Role::Service, local, None, closing));
        while let Some(stream) = streams.recv().await {
            let connections = Arc::clone(&connections);
            tasks.spawn(async move { connections.serve_any(stream, local.ip()).await });
        }
    }
}

/// Polls a shared store while realtime connections are open. Requests poll it themselves.
async fn follow_store(service: Service) {
    let state = service.state();
    let mut known_from = state.store.feed().known_from();
    let mut caught_up = state.stopwatch.elapsed();
    while state.store.is_shared() {
        time::sleep(FOLLOW_INTERVAL).await;
        if state.connections.is_empty() {
            caught_up = state.stopwatch.elapsed();
        } else {
            // The store may not answer for a while; the next attempt may succeed.
            match time::timeout(state.limits.store_silence, state.catch_up(state.clock.now())).await {
                Ok(Ok(())) => caught_up = state.stopwatch.elapsed(),
                _ if state.stopwatch.elapsed().saturating_sub(caught_up) >= state.limits.store_silence => {
                    state.connections.all_unsure();
                }
                _ => {}
            }
            let latest = state.store.feed().known_from();
            if latest != known_from {
                known_from = latest;
                state.connections.all_changed();
            }
        }
    }
}

/// Marks the service as ready until this is dropped, even if the task of the server is cancelled.
struct ReadyGuard(Service);

impl ReadyGuard {
    fn new(service: Service) -> Self {
        service.state().metrics.ready.store(true, Ordering::Relaxed);
        Self(service)
    }
}

impl Drop for ReadyGuard {
    fn drop(&mut self) {
        self.0.state().metrics.ready.store(false, Ordering::Relaxed);
    }
}

/// Accepts connections until `end` completes. Returns the connections that are open then.
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
            // Remove a connection that has ended.
            Some(_) = open.join_next(), if !open.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => spawn_connection(stream, client, &connections, &mut open),
                Err(error) if is_connection_error(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    time::sleep(ACCEPT_BACKOFF).await;
                }
            }
        }
    }
}

fn spawn_connection(stream: TcpStream, client: SocketAddr, connections: &Arc<Connections>, open: &mut JoinSet<()>) {
    set_up(&stream);
    let connections = Arc::clone(connections);
    open.spawn(async move { connections.serve(stream, client.ip()).await });
}

fn set_up(stream: &TcpStream) {
    // Answers are small: waiting to fill a packet would only delay them.
    drop(stream.set_nodelay(true));
    // The kernel resets a connection whose client has vanished, such as a machine without power.
    #[cfg(target_os = "linux")]
    drop(socket2::SockRef::from(stream).set_tcp_user_timeout(Some(ACKNOWLEDGEMENT_TIMEOUT)));
}

/// Returns true if the error concerns only one connection, which the client has closed already.
fn is_connection_error(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn kernel_resets_connections_of_vanished_clients() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        set_up(&stream);
        let timeout = socket2::SockRef::from(&stream).tcp_user_timeout().unwrap();
        assert_eq!(timeout, Some(ACKNOWLEDGEMENT_TIMEOUT));
    }
}
