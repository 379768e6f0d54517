//! A connection, from its first byte to its last.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::outgoing::{Outgoing, Unwritten};
use super::patience::{Patient, Phase, Waits};
use super::{admin, request};
use crate::clock::Stopwatch;
use crate::metrics::{Gauge, add};
use crate::service::Service;
use crate::state::State;
use crate::tls::Tls;

/// hyper's buffer cannot be smaller, and the headers are to fit in with room to spare.
const MIN_BUFFER: usize = 8 * 1024;

/// So many connections over the limit are told that they are over it; those that come on top of that are closed at once, or
/// refusing would be as much work as serving.
const REFUSED_AT_ONCE: u64 = 256;

/// How long one that is told so may take to ask, and how long one may take that asks how the service is.
const HURRY: Duration = Duration::from_secs(1);

/// The most connections at once of those that ask how the service is. More are closed at once.
const ADMIN_CONNECTIONS: u64 = 64;

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
    /// Of those that ask how the service is.
    of_admin: Gauge,
    readiness: admin::Readiness,
}

/// What is done with a connection's requests.
#[derive(Clone, Copy, Debug)]
enum Welcome {
    Served,
    /// There are too many connections.
    Refused,
}

impl Connections {
    pub(super) fn new(
        service: Service,
        role: Role,
        local: SocketAddr,
        tls: Option<Tls>,
        closing: watch::Receiver<bool>,
    ) -> Self {
        Self { service, role, local, tls, closing, of_admin: Gauge::default(), readiness: admin::Readiness::default() }
    }

    pub(super) fn state(&self) -> &State {
        self.service.state()
    }

    pub(super) async fn serve(&self, stream: TcpStream, client: IpAddr) {
        let (limits, metrics) = (&self.state().limits, &self.state().metrics);
        if self.role == Role::Admin {
            let (_open, now_open) = self.of_admin.enter();
            if now_open > ADMIN_CONNECTIONS {
                return;
            }
            let waits = Waits {
                head: HURRY,
                idle: limits.idle.min(ADMIN_IDLE),
                answer: limits.answer_deadline,
                answer_rate: limits.answer_bytes_per_second,
            };
            return self.speak(stream, client, waits, Welcome::Served).await;
        }
        add(&metrics.connections_accepted, 1);
        let (_open, now_open) = metrics.connections.enter();
        let most = u64::try_from(limits.connections).unwrap_or(u64::MAX);
        let welcome = if now_open > most { Welcome::Refused } else { Welcome::Served };
        let waits = match welcome {
            Welcome::Served => Waits {
                head: limits.header_deadline,
                idle: limits.idle,
                answer: limits.answer_deadline,
                answer_rate: limits.answer_bytes_per_second,
            },
            Welcome::Refused => {
                add(&metrics.connections_refused, 1);
                if now_open > most.saturating_add(REFUSED_AT_ONCE) {
                    return;
                }
                Waits { head: HURRY, idle: HURRY, answer: HURRY, answer_rate: limits.answer_bytes_per_second }
            }
        };
        match &self.tls {
            None => self.speak(stream, client, waits, welcome).await,
            // Whoever does not agree is gone, and nobody is there to be told.
            Some(tls) => {
                if let Some(stream) = tls.agree(stream, waits.head).await {
                    self.speak(stream, client, waits, welcome).await;
                }
            }
        }
    }

    async fn speak<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        client: IpAddr,
        waits: Waits,
        welcome: Welcome,
    ) {
        let (phase, unwritten) = (Phase::new(), Arc::<Unwritten>::default());
        let answering = service_fn(|request: Request<Incoming>| {
            phase.begin();
            let is_without_body = request.body().is_end_stream();
            let answer = self.answer(request, client, welcome);
            let (phase, unwritten) = (&phase, &unwritten);
            async move {
                let answer = answer.await;
                // Only where the body was not read whole does the answer say so.
                phase.end(is_without_body || !answer.headers().contains_key(CONNECTION));
                Ok::<_, Infallible>(Outgoing::of(answer, unwritten))
            }
        });
        let stream = TokioIo::new(Patient::new(stream, Arc::clone(&phase), Arc::clone(&unwritten), waits));
        // What is longer than the limit is to be answered, and not just cut off.
        let buffer = self.state().limits.header_bytes.saturating_mul(2).max(MIN_BUFFER);
        let connection = http1::Builder::new()
            .header_read_timeout(None)
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

    async fn answer(&self, asked: Request<Incoming>, client: IpAddr, welcome: Welcome) -> Response<Bytes> {
        if self.role == Role::Admin {
            return admin::answer(&self.service, &self.readiness, &asked).await;
        }
        let since = Stopwatch::start();
        let socket = request::Socket { local: self.local, client, is_private: self.tls.is_some() };
        match welcome {
            Welcome::Served => request::answer(&self.service, asked, socket, since).await,
            Welcome::Refused => {
                let mut answer = request::refuse_connection(&self.service, asked, socket, since);
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                answer
            }
        }
    }
}
