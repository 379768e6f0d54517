//! A request from a socket: read within its limits, then answered.

use std::error::Error as _;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::time;

use ably_auth_core::ErrorCode;

use super::forwarded::{self, ReportedClient};
use super::host;
use super::phase::Phase;
use super::table::Exceeded;
use crate::clock::Stopwatch;
use crate::http::Arrival;
#[cfg(feature = "console")]
use crate::http::has_admin_token;
use crate::limits::Limits;
use crate::refusal::Refusal;
use crate::service::Service;

/// The connection of a request: its two addresses, and whether it uses TLS.
#[derive(Clone, Copy, Debug)]
pub(super) struct Socket {
    pub(super) local: SocketAddr,
    pub(super) client: IpAddr,
    pub(super) is_tls: bool,
}

impl Socket {
    /// Returns the origin of the request. For a request from a trusted proxy, it is the client that the proxy reports.
    pub(super) fn arrival(self, limits: &Limits, headers: &HeaderMap) -> Arrival {
        let Self { local, client, is_tls } = self;
        if limits.trusted_proxies.is_empty() || !limits.trusts(client) {
            return Arrival { local, client, is_tls };
        }
        let ReportedClient { client, is_https } = forwarded::read(limits, headers, client);
        Arrival { local, client, is_tls: is_tls || is_https }
    }
}

pub(super) async fn answer(
    service: &Service,
    request: Request<Incoming>,
    socket: Socket,
    phase: &Phase,
    since: Stopwatch,
) -> Response<Bytes> {
    let state = service.state();
    let (_in_flight, now_in_flight) = state.metrics.in_flight.enter();
    let (parts, body) = request.into_parts();
    let arrival = socket.arrival(&state.limits, &parts.headers);
    if now_in_flight > u64::try_from(state.limits.requests).unwrap_or(u64::MAX) {
        return close_if_unread(&body, service.refuse(&parts, Refusal::overloaded("requests"), Some(arrival), since));
    }
    if let Err(refusal) = state.check_rate_from(arrival.client) {
        return close_if_unread(&body, service.refuse(&parts, refusal, Some(arrival), since));
    }
    match read_within(service, &parts, body, arrival, (phase, since)).await {
        Ok(body) => close_if_too_large(&body, service.answer(&parts, body.as_ref(), Some(arrival), since).await),
        Err(refused) => refused,
    }
}

/// Answers a request to the console on the admin address.
#[cfg(feature = "console")]
pub(super) async fn answer_admin(
    service: &Service,
    request: Request<Incoming>,
    socket: Socket,
    phase: &Phase,
    since: Stopwatch,
) -> Response<Bytes> {
    let (parts, body) = request.into_parts();
    let Socket { local, client, is_tls } = socket;
    let arrival = Arrival { local, client, is_tls };
    // The body is read only for a holder of the token: slow bodies of others could fill the admin address, which has few
    // connections.
    if !has_admin_token(service.state(), &parts) {
        return close_if_unread(&body, service.answer_admin(&parts, Some(&Bytes::new()), arrival, since).await);
    }
    match read_within(service, &parts, body, arrival, (phase, since)).await {
        Ok(body) => close_if_too_large(&body, service.answer_admin(&parts, body.as_ref(), arrival, since).await),
        Err(refused) => refused,
    }
}

/// Closes the connection after the response to a request whose body was too large and was not read.
fn close_if_too_large(body: &Option<Bytes>, answer: Response<Bytes>) -> Response<Bytes> {
    if body.is_none() { close_after(answer) } else { answer }
}

/// Reads the body within the limits of the service, or returns the response that refuses the request. Returns `None` for
/// a body that is too large.
async fn read_within(
    service: &Service,
    parts: &Parts,
    body: Incoming,
    arrival: Arrival,
    (phase, since): (&Phase, Stopwatch),
) -> Result<Option<Bytes>, Response<Bytes>> {
    let limits = &service.state().limits;
    let refuse = |refusal| service.refuse(parts, refusal, Some(arrival), since);
    if size(parts) > limits.header_bytes {
        let message = format!(
            "invalid request: the headers are longer than {} bytes; send fewer or shorter ones",
            limits.header_bytes
        );
        let refusal = Refusal::new(ErrorCode::BAD_REQUEST, message).with_status(431);
        return Err(close_if_unread(&body, refuse(refusal)));
    }
    if let Err(refusal) = host::check(parts) {
        return Err(close_if_unread(&body, refuse(refusal)));
    }
    if body.is_end_stream() {
        return Ok(Some(Bytes::new()));
    }
    match time::timeout(limits.body_deadline, read(parts, body, limits.body_bytes)).await {
        Ok(Ok(body)) => {
            phase.receive_whole();
            Ok(Some(body))
        }
        Ok(Err(BodyError::TooLarge)) => Ok(None),
        Ok(Err(BodyError::Broken(problem))) => Err(close_after(refuse(Refusal::new(ErrorCode::BAD_REQUEST, problem)))),
        Err(_) => {
            let message = "invalid body: it did not arrive in time; send it at once, or send less";
            Err(close_after(refuse(Refusal::new(ErrorCode::BAD_REQUEST, message).with_status(408))))
        }
    }
}

/// Refuses a request on a connection that exceeds a limit, and closes the connection.
pub(super) fn refuse_connection(
    service: &Service,
    request: Request<Incoming>,
    socket: Socket,
    exceeded: Exceeded,
    since: Stopwatch,
) -> Response<Bytes> {
    let (parts, _) = request.into_parts();
    let arrival = socket.arrival(&service.state().limits, &parts.headers);
    let too_many = match exceeded {
        Exceeded::Total => "connections",
        Exceeded::Address => "connections from this address",
    };
    close_after(service.refuse(&parts, Refusal::overloaded(too_many), Some(arrival), since))
}

/// Closes the connection if the body was not read, since another request cannot follow then.
fn close_if_unread(body: &Incoming, answer: Response<Bytes>) -> Response<Bytes> {
    if body.is_end_stream() { answer } else { close_after(answer) }
}

pub(super) fn close_after(mut answer: Response<Bytes>) -> Response<Bytes> {
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// Returns the approximate size of the request line and the headers, in bytes.
fn size(parts: &Parts) -> usize {
    /// The bytes around a name and a value: the colon, the space and the line break.
    const OVERHEAD: usize = 4;
    let headers = parts.headers.iter();
    let sizes = headers.map(|(name, value)| name.as_str().len().saturating_add(value.len()).saturating_add(OVERHEAD));
    let uri = &parts.uri;
    let target = [
        uri.scheme_str().map_or(0, str::len),
        uri.authority().map_or(0, |authority| authority.as_str().len()),
        uri.path_and_query().map_or(0, |path| path.as_str().len()),
    ];
    sizes.chain(target).fold(parts.method.as_str().len(), usize::saturating_add)
}

/// The reason why a body could not be read.
enum BodyError {
    TooLarge,
    Broken(&'static str),
}

impl From<hyper::Error> for BodyError {
    fn from(error: hyper::Error) -> Self {
        let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
        if error.is_incomplete_message() || cause.is_some_and(|cause| cause.kind() == io::ErrorKind::UnexpectedEof) {
            // The client may have disconnected and not receive this message.
            return Self::Broken("invalid body: it is incomplete; send it up to its announced length or last chunk");
        }
        Self::Broken("invalid body: malformed chunks; encode a body with `Transfer-Encoding: chunked` as in RFC 9112")
    }
}

/// Reads the body, up to `most` bytes.
async fn read(parts: &Parts, body: Incoming, most: usize) -> Result<Bytes, BodyError> {
    let announced = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > most) {
        return Err(BodyError::TooLarge);
    }
    let mut body = pin!(body);
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        // A frame without data has trailers, which are ignored.
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        if whole.len().saturating_add(data.len()) > most {
            return Err(BodyError::TooLarge);
        }
        if whole.is_empty() && body.is_end_stream() {
            return Ok(data);
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}
