//! A connection, from its first byte to its last.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONNECTION;
use http::{Request, Response};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::outgoing::{Outgoing, Unwritten};
use super::phase::{Phase, Step};
use super::table::{Exceeded, Table};
use super::timeouts::{TimeoutStream, Waits};
use super::{admin, request};
use crate::clock::Stopwatch;
use crate::limits::site;
use crate::net::tls::Tls;
use crate::ops::metrics::{Gauge, add};
use crate::service::Service;
use crate::state::State;

/// hyper's buffer cannot be smaller, and the headers are to fit in with room to spare.
const MIN_BUFFER: usize = 8 * 1024;

/// The maximum number of refused connections that are answered at the same time. Connections above it are closed
/// without a response, so that refusing costs less than serving.
const REFUSED_AT_ONCE: u64 = 256;

/// How long one that is told so may take to ask, and how long one may take that asks how the service is.
const REFUSED_TIMEOUT: Duration = Duration::from_secs(1);

/// The maximum number of open connections to the admin address. At this limit, a new connection replaces the one that
/// has been idle longest. If none is idle, the new connection is closed.
const ADMIN_CONNECTIONS: usize = 64;

/// The time for which a silent new connection cannot be evicted.
const NEW_GRACE: Duration = Duration::from_secs(1);

/// How long one of them is kept, so that those who do nothing do not keep out for long those who ask.
const ADMIN_IDLE: Duration = Duration::from_secs(5);

/// What a socket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Service,
    Admin,
}

/// What the connections of a socket share.
#[derive(Debug)]
pub(super) struct Connections {
    service: Service,
    role: Role,
    local: SocketAddr,
    tls: Option<Tls>,
    closing: watch::Receiver<bool>,
    table: Table,
    /// The number of connections over a limit that are being refused.
    refused: Gauge,
    readiness: admin::Readiness,
}

/// What is done with a connection's requests.
#[derive(Clone, Copy, Debug)]
enum Welcome {
    Served,
    Refused(Exceeded),
}

impl Connections {
    pub(super) fn new(
        service: Service,
        role: Role,
        local: SocketAddr,
        tls: Option<Tls>,
        closing: watch::Receiver<bool>,
    ) -> Self {
        let limits = &service.state().limits;
        let table = match role {
            // A health check must be answered even if silent connections fill the table, so they have no grace period.
            Role::Admin => Table::new(ADMIN_CONNECTIONS, usize::MAX, Duration::ZERO),
            Role::Service => {
                let per_address = limits.most_connections_per_address(service.is_sandbox());
                Table::new(limits.connections, per_address, NEW_GRACE)
            }
        };
        let (refused, readiness) = (Gauge::default(), admin::Readiness::default());
        Self { service, role, local, tls, closing, table, refused, readiness }
    }

    pub(super) fn state(&self) -> &State {
        self.service.state()
    }

    pub(super) async fn serve(&self, stream: TcpStream, client: IpAddr) {
        let phase = self.table.phase();
        // The waker of a tokio task does not change, so one clone is valid for the whole connection.
        let waker = poll_fn(|context| Poll::Ready(context.waker().clone())).await;
        match self.role {
            Role::Admin => self.serve_admin(stream, client, phase, waker).await,
            Role::Service => self.serve_client(stream, client, phase, waker).await,
        }
    }

    async fn serve_admin(&self, stream: TcpStream, client: IpAddr, phase: Arc<Phase>, waker: Waker) {
        let limits = &self.state().limits;
        let Ok(_slot) = self.table.enter(&phase, waker, None) else {
            return;
        };
        let waits = Waits {
            head: REFUSED_TIMEOUT,
            idle: limits.idle.min(ADMIN_IDLE),
            answer: limits.answer_deadline,
            answer_rate: limits.answer_bytes_per_second,
        };
        self.speak(stream, client, phase, waits, Welcome::Served).await;
    }

    async fn serve_client(&self, stream: TcpStream, client: IpAddr, phase: Arc<Phase>, waker: Waker) {
        let (limits, metrics) = (&self.state().limits, &self.state().metrics);
        add(&metrics.connections_accepted, 1);
        let _open = metrics.connections.enter();
        let is_proxy = limits.trusts(client);
        let entered = self.table.enter(&phase, waker, (!is_proxy).then(|| site(client)));
        // `_slot` and `_refused` count this connection until it is closed.
        let (_slot, _refused, welcome) = match entered {
            Ok(slot) => {
                add(&metrics.connections_evicted, u64::from(slot.has_evicted));
                (Some(slot), None, Welcome::Served)
            }
            Err(exceeded) => {
                add(&metrics.connections_refused, 1);
                let (refused, now_refused) = self.refused.enter();
                if now_refused > REFUSED_AT_ONCE {
                    return;
                }
                (None, Some(refused), Welcome::Refused(exceeded))
            }
        };
        let waits = match welcome {
            Welcome::Served => Waits {
                head: limits.header_deadline,
                idle: limits.idle,
                answer: limits.answer_deadline,
                answer_rate: limits.answer_bytes_per_second,
            },
            Welcome::Refused(_) => Waits {
                head: REFUSED_TIMEOUT,
                idle: REFUSED_TIMEOUT,
                answer: REFUSED_TIMEOUT,
                answer_rate: limits.answer_bytes_per_second,
            },
        };
        let Some(tls) = &self.tls else {
            return self.speak(stream, client, phase, waits, welcome).await;
        };
        let mut agreeing = pin!(tls.agree(stream, waits.head));
        let unless_evicted = poll_fn(|context| match phase.step() {
            Step::Evicted => Poll::Ready(None),
            _ => agreeing.as_mut().poll(context),
        });
        // `None` means that the handshake failed or the connection was evicted; drop the connection.
        if let Some(stream) = unless_evicted.await {
            self.speak(stream, client, phase, waits, welcome).await;
        }
    }

    async fn speak<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        client: IpAddr,
        phase: Arc<Phase>,
        waits: Waits,
        welcome: Welcome,
    ) {
        let unwritten = Arc::<Unwritten>::default();
        let answering = service_fn(|request: Request<Incoming>| {
            let is_whole = request.body().is_end_stream();
            let is_last = !phase.begin(is_whole);
            let (phase, unwritten) = (&*phase, &unwritten);
            let answer = self.answer(request, client, phase, welcome);
            async move {
                let mut answer = answer.await;
                // Only where the body was not read whole does the answer say so.
                phase.end(is_whole || !answer.headers().contains_key(CONNECTION));
                if is_last {
                    answer = request::closed(answer);
                }
                Ok::<_, Infallible>(Outgoing::of(answer, unwritten))
            }
        });
        let stream = TokioIo::new(TimeoutStream::new(stream, Arc::clone(&phase), Arc::clone(&unwritten), waits));
        // What is longer than the limit is to be answered, and not just cut off.
        let buffer = self.state().limits.header_bytes.saturating_mul(2).max(MIN_BUFFER);
        let connection = http1::Builder::new()
            .header_read_timeout(None)
            // A client may close its write side after a complete request. `stream` detects a client that has
            // disconnected.
            .half_close(true)
            .max_buf_size(buffer)
            // Answers are small: to copy one behind its head costs less than a list of two parts costs the system.
            .writev(false)
            .serve_connection(stream, answering);
        let mut connection = pin!(connection);
        let mut closing = self.closing.clone();
        let closed = async { closing.wait_for(|closing| *closing).await.is_ok() };
        tokio::select! {
            biased;
            // However it ended: the client is gone.
            _ = &mut connection => return,
            _ = closed => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }

    async fn answer(
        &self,
        asked: Request<Incoming>,
        client: IpAddr,
        phase: &Phase,
        welcome: Welcome,
    ) -> Response<Bytes> {
        if self.role == Role::Admin {
            return admin::answer(&self.service, &self.readiness, &asked).await;
        }
        let since = Stopwatch::start();
        let socket = request::Socket { local: self.local, client, is_private: self.tls.is_some() };
        match welcome {
            Welcome::Served => request::answer(&self.service.current(), asked, socket, phase, since).await,
            Welcome::Refused(exceeded) => request::refuse_connection(&self.service, asked, socket, exceeded, since),
        }
    }
}
