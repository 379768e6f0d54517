//! The connections of a socket: limits, TLS handshake, and requests.

use std::fmt;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, UPGRADE};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::outgoing::{Outgoing, Unwritten};
use super::phase::{Phase, Step};
#[cfg(feature = "console")]
use super::streaming::Streaming;
use super::table::{Exceeded, Table};
use super::timeouts::{TimeoutStream, Timeouts};
use super::websocket::Upgraded;
use super::{admin, request, websocket};
use crate::clock::Stopwatch;
#[cfg(feature = "sandbox")]
use crate::http::delivery::Delivery;
use crate::limits::site;
use crate::net::tls::Tls;
use crate::ops::metrics::{Gauge, add};
use crate::realtime::Opening;
use crate::service::Service;
use crate::state::State;
use crate::sync::lock;

/// The minimum size of hyper's buffer, in bytes. hyper accepts no smaller one.
const MIN_BUFFER: usize = 8 * 1024;

/// The maximum number of refused connections that are answered at the same time. Connections above it are closed
/// without a response, so that refusing costs less than serving.
const REFUSED_AT_ONCE: u64 = 256;

/// The timeout for sending the head of a request on a refused connection or to the admin address. It is also the
/// timeout for reading the refusal.
const REFUSED_TIMEOUT: Duration = Duration::from_secs(1);

/// The maximum number of open connections to the admin address. At this limit, a new connection replaces the one that
/// has been idle longest. If none is idle, the new connection is closed.
const ADMIN_CONNECTIONS: usize = 64;

/// The time for which a silent new connection cannot be evicted.
const NEW_GRACE: Duration = Duration::from_secs(1);

/// The maximum time that a connection to the admin address can be idle, so that idle clients soon make room for others.
const ADMIN_IDLE: Duration = Duration::from_secs(5);

/// The purpose of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Service,
    Admin,
}

/// The state that all connections of a socket share.
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

/// The decision about a connection: its requests are served or refused.
#[derive(Clone, Copy, Debug)]
enum Admission {
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
        let timeouts = Timeouts {
            head: REFUSED_TIMEOUT,
            idle: limits.idle.min(ADMIN_IDLE),
            answer: limits.answer_deadline,
            answer_rate: limits.answer_bytes_per_second,
        };
        self.serve_stream(stream, client, phase, timeouts, Admission::Served).await;
    }

    async fn serve_client(&self, stream: TcpStream, client: IpAddr, phase: Arc<Phase>, waker: Waker) {
        let (limits, metrics) = (&self.state().limits, &self.state().metrics);
        add(&metrics.connections_accepted, 1);
        let _open = metrics.connections.enter();
        let is_proxy = limits.trusts(client);
        let entered = self.table.enter(&phase, waker, (!is_proxy).then(|| site(client)));
        // `_slot` and `_refused` count this connection until it is closed.
        let (_slot, _refused, admission) = match entered {
            Ok(slot) => {
                add(&metrics.connections_evicted, u64::from(slot.has_evicted));
                (Some(slot), None, Admission::Served)
            }
            Err(exceeded) => {
                add(&metrics.connections_refused, 1);
                let (refused, now_refused) = self.refused.enter();
                if now_refused > REFUSED_AT_ONCE {
                    return;
                }
                (None, Some(refused), Admission::Refused(exceeded))
            }
        };
        let timeouts = match admission {
            Admission::Served => Timeouts {
                head: limits.header_deadline,
                idle: limits.idle,
                answer: limits.answer_deadline,
                answer_rate: limits.answer_bytes_per_second,
            },
            Admission::Refused(_) => Timeouts {
                head: REFUSED_TIMEOUT,
                idle: REFUSED_TIMEOUT,
                answer: REFUSED_TIMEOUT,
                answer_rate: limits.answer_bytes_per_second,
            },
        };
        let Some(tls) = &self.tls else {
            return self.serve_stream(stream, client, phase, timeouts, admission).await;
        };
        let mut handshake = pin!(tls.handshake(stream, timeouts.head));
        let unless_evicted = poll_fn(|context| match phase.step() {
            Step::Evicted => Poll::Ready(None),
            _ => handshake.as_mut().poll(context),
        });
        // `None` means that the handshake failed or the connection was evicted; drop the connection.
        if let Some(stream) = unless_evicted.await {
            self.serve_stream(stream, client, phase, timeouts, admission).await;
        }
    }

    /// Serves a connection that is not a TCP stream.
    #[cfg(any(fuzzing, simulation))]
    pub(super) async fn serve_any<S>(&self, stream: S, client: IpAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let limits = &self.state().limits;
        let timeouts = Timeouts {
            head: limits.header_deadline,
            idle: limits.idle,
            answer: limits.answer_deadline,
            answer_rate: limits.answer_bytes_per_second,
        };
        self.serve_stream(stream, client, self.table.phase(), timeouts, Admission::Served).await;
    }

    /// Serves requests, and the realtime connection if one of them is upgraded to it. Both are on the heap, so that
    /// neither needs room for the other.
    async fn serve_stream<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &self,
        stream: S,
        client: IpAddr,
        phase: Arc<Phase>,
        timeouts: Timeouts,
        admission: Admission,
    ) {
        let upgraded = Box::pin(self.serve_http(stream, client, Arc::clone(&phase), timeouts, admission)).await;
        if let Some((upgrade, parts)) = upgraded.filter(|_| phase.begin(true)) {
            drop(phase);
            Box::pin(self.serve_realtime::<S>(upgrade, parts, client)).await;
        }
    }

    /// Serves requests. Returns the request that was upgraded, if there is one.
    async fn serve_http<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &self,
        stream: S,
        client: IpAddr,
        phase: Arc<Phase>,
        timeouts: Timeouts,
        admission: Admission,
    ) -> Option<(OnUpgrade, Parts)> {
        let unwritten = Arc::<Unwritten>::default();
        // Set by the request that is upgraded to a realtime connection.
        let upgraded = Mutex::new(None);
        let upgraded_by = &upgraded;
        let respond = service_fn(|mut request: Request<Incoming>| {
            let is_whole = request.body().is_end_stream();
            let is_last = !phase.begin(is_whole);
            let (phase, unwritten) = (&phase, &unwritten);
            #[cfg(feature = "sandbox")]
            let closing = self.closing.clone();
            let upgrade = request.headers().contains_key(UPGRADE).then(|| {
                let upgrade = hyper::upgrade::on(&mut request);
                let mut head = Request::new(());
                head.uri_mut().clone_from(request.uri());
                head.headers_mut().clone_from(request.headers());
                (upgrade, head.into_parts().0)
            });
            // Boxed, because hyper moves the future that it gets, and this one has 4 KB.
            let answer = Box::pin(self.answer(request, client, phase, admission));
            async move {
                let mut answer = answer.await;
                #[cfg(feature = "sandbox")]
                let delivery = answer.extensions_mut().remove::<Delivery>();
                #[cfg(feature = "sandbox")]
                let delivery = hold_back(delivery, closing.clone()).await?;
                if let Some((upgrade, parts)) = upgrade.filter(|_| answer.status() == StatusCode::SWITCHING_PROTOCOLS) {
                    *lock(upgraded_by) = Some((upgrade, parts));
                }
                // A `Connection` header in the answer means that the body was not read completely.
                phase.end(is_whole || !answer.headers().contains_key(CONNECTION));
                if is_last {
                    answer = request::close_after(answer);
                }
                let answer = Outgoing::of(answer, unwritten);
                #[cfg(all(feature = "sandbox", not(feature = "console")))]
                drop(delivery);
                #[cfg(feature = "console")]
                if let Some(stream) = delivery.and_then(Delivery::into_stream) {
                    let streaming = Streaming::new(stream, Arc::clone(phase), closing);
                    return Ok(answer.map(|body| body.followed_by(streaming)));
                }
                Ok::<_, Unanswered>(answer)
            }
        });
        let stream = TokioIo::new(TimeoutStream::new(stream, Arc::clone(&phase), Arc::clone(&unwritten), timeouts));
        // Twice the limit on headers, so that headers above the limit can be answered with an error.
        let buffer = self.state().limits.header_bytes.saturating_mul(2).max(MIN_BUFFER);
        let connection = http1::Builder::new()
            .header_read_timeout(None)
            // A client may close its write side after a complete request. `stream` detects a client that has
            // disconnected.
            .half_close(true)
            .max_buf_size(buffer)
            // Answers are small: copying a body behind its head costs less than a vectored write.
            .writev(false)
            .serve_connection(stream, respond)
            .with_upgrades();
        let mut connection = pin!(connection);
        let mut closing = self.closing.clone();
        let closed = async { closing.wait_for(|closing| *closing).await.is_ok() };
        tokio::select! {
            biased;
            // The connection has ended. Any error concerns only this client.
            _ = &mut connection => {}
            _ = closed => {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
                return None;
            }
        }
        lock(&upgraded).take()
    }

    /// Serves the realtime connection to which a request was upgraded.
    async fn serve_realtime<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &self,
        upgrade: OnUpgrade,
        parts: Parts,
        client: IpAddr,
    ) {
        let Ok(upgraded) = upgrade.await else {
            return;
        };
        let Ok(socket) = upgraded.downcast::<TokioIo<TimeoutStream<S>>>() else {
            return;
        };
        let state = self.service.current().shared_state();
        let socket_of = request::Socket { local: self.local, client, is_tls: self.tls.is_some() };
        let is_tls = socket_of.arrival(&state.limits, &parts.headers).is_tls;
        let opening = Opening::of(&parts, state.sandbox || is_tls);
        drop(parts);
        let socket = Upgraded { stream: socket.io.into_inner().into_inner(), read: socket.read_buf };
        websocket::serve(socket, state, opening, self.closing.clone()).await;
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        client: IpAddr,
        phase: &Phase,
        admission: Admission,
    ) -> Response<Bytes> {
        if self.role == Role::Admin {
            #[cfg(feature = "console")]
            if admin::is_console_request(&self.service, request.uri().path()) {
                let socket = request::Socket { local: self.local, client, is_tls: false };
                return request::answer_admin(&self.service.current(), request, socket, phase, Stopwatch::start())
                    .await;
            }
            return admin::answer(&self.service, &self.readiness, &request).await;
        }
        let since = Stopwatch::start();
        let socket = request::Socket { local: self.local, client, is_tls: self.tls.is_some() };
        match admission {
            Admission::Served => request::answer(&self.service.current(), request, socket, phase, since).await,
            Admission::Refused(exceeded) => request::refuse_connection(&self.service, request, socket, exceeded, since),
        }
    }
}

/// The error of a request that gets no response. hyper closes its connection.
#[derive(Debug)]
struct Unanswered;

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request gets no response")
    }
}

impl std::error::Error for Unanswered {}

/// Waits until a response is to be written, if a sandbox holds it back. Returns any other delivery.
///
/// The wait ends when the service shuts down: a response that is held back is not worth the grace period.
#[cfg(feature = "sandbox")]
async fn hold_back(
    delivery: Option<Delivery>,
    mut closing: watch::Receiver<bool>,
) -> Result<Option<Delivery>, Unanswered> {
    match delivery {
        Some(Delivery::Held(time, permit)) => {
            let _ = tokio::time::timeout(time, closing.wait_for(|closing| *closing)).await;
            drop(permit);
            Ok(None)
        }
        Some(Delivery::Dropped) => Err(Unanswered),
        other => Ok(other),
    }
}
