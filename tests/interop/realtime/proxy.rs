//! A TCP proxy in front of the service, whose connections a case can cut.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Fault;

/// The treatment of new connections.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Gate {
    Open,
    /// They wait.
    Held,
    /// They are closed.
    Closed,
}

pub(super) struct Proxy {
    pub(super) port: u16,
    gate: watch::Sender<Gate>,
    connections: Arc<Mutex<JoinSet<()>>>,
}

impl Proxy {
    /// Starts a proxy in front of the service on this port, on the current runtime.
    pub(super) async fn start(service: u16) -> Result<Self, Fault> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let (gate, gates) = watch::channel(Gate::Open);
        let connections = Arc::new(Mutex::new(JoinSet::new()));
        let accepted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if *gates.borrow() == Gate::Closed {
                    continue;
                }
                let relay = relay(stream, service, gates.clone());
                accepted.lock().unwrap_or_else(PoisonError::into_inner).spawn(relay);
            }
        });
        Ok(Self { port, gate, connections })
    }

    /// Ends all connections, and sets what happens to new ones.
    pub(super) fn cut(&self, gate: Gate) {
        self.gate.send_replace(gate);
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }

    pub(super) fn mend(&self) {
        self.gate.send_replace(Gate::Open);
    }
}

async fn relay(mut stream: TcpStream, service: u16, mut gates: watch::Receiver<Gate>) {
    if gates.wait_for(|gate| *gate == Gate::Open).await.is_err() {
        return;
    }
    if let Ok(mut other) = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], service))).await {
        // One side has ended; the other one ends with it.
        let _ = copy_bidirectional(&mut stream, &mut other).await;
    }
}
