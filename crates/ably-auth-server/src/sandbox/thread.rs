//! The thread on which the server of a sandbox runs.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::error::{Error, ErrorKind};
use crate::net::Server;
use crate::net::tls::Tls;
use crate::service::Service;

pub(super) const HOST: &str = "127.0.0.1";

/// A server on its own thread, with its own runtime: a test may have no runtime, or block the one that it has. Dropping
/// this stops the server.
pub(super) struct ServerThread {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ServerThread {
    /// Starts the server. Returns it with its address once it listens.
    pub(super) fn start(service: Service, tls: Option<Tls>) -> Result<(Self, SocketAddr), Error> {
        let (stop, stopped) = oneshot::channel();
        let (report, started) = mpsc::channel();
        let thread = thread::Builder::new().name("ably-sandbox".into());
        let thread = thread.spawn(move || run(service, tls, &report, stopped)).map_err(|error| not_started(&error))?;
        let running = Self { stop: Some(stop), thread: Some(thread) };
        let address = started.recv().map_err(|_| not_started(&io::Error::other("its thread ended")))??;
        Ok((running, address))
    }
}

impl Drop for ServerThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was printed by its panic hook.
            drop(thread.join());
        }
    }
}

fn not_started(error: &io::Error) -> Error {
    let message = format!("cannot start a sandbox: {error}; check the limits on threads and open files of the process");
    Error::new(ErrorKind::Network, message)
}

/// Serves until `stopped` completes. Sends the address, or the reason why it does not listen, to `report`.
fn run(
    service: Service,
    tls: Option<Tls>,
    report: &mpsc::Sender<Result<SocketAddr, Error>>,
    stopped: oneshot::Receiver<()>,
) {
    // The receiver waits for the report, so sending it does not fail.
    let failed = |error| drop(report.send(Err(error)));
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(not_started(&error)),
    };
    runtime.block_on(async {
        let mut server = match Server::bind((Ipv4Addr::LOCALHOST, 0).into(), service).await {
            Ok(server) => server,
            Err(error) => return failed(error),
        };
        if let Some(tls) = tls {
            server = server.tls(tls);
        }
        drop(report.send(Ok(server.local_addr())));
        let stopped = async { drop(stopped.await) };
        if let Err(error) = server.run(stopped).await {
            tracing::error!(%error, "the sandbox stopped");
        }
    });
}
