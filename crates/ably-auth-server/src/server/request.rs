//! A request from a socket: read within its limits, then answered.

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderName};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::time;

use ably_auth_core::ErrorCode;

use crate::clock::Stopwatch;
use crate::limits::Limits;
use crate::refusal::Refusal;
use crate::service::{Arrival, Service};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Where a request came from and to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Socket {
    pub(super) local: SocketAddr,
    pub(super) client: IpAddr,
    pub(super) is_private: bool,
}

impl Socket {
    /// For whom the request is, if a proxy that is believed says so.
    fn arrival(self, limits: &Limits, headers: &HeaderMap) -> Arrival {
        let Self { local, client, is_private } = self;
        if limits.trusted_proxies.is_empty() || !limits.trusts(client) {
            return Arrival { local, client, is_private };
        }
        let said = headers.get_all(FORWARDED_FOR).iter().rev();
        let mut addresses = said.flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b',')).map(address);
        // The last that a trusted proxy has not itself put there is whom it saw. Before what is no address stands nothing
        // that is to be believed.
        let mut seen = client;
        while let Some(Some(address)) = addresses.next() {
            seen = address;
            if !limits.trusts(address) {
                break;
            }
        }
        let mut protocols = headers.get_all(FORWARDED_PROTO).iter();
        let is_https = protocols.next().is_some_and(|protocol| protocol == "https") && protocols.next().is_none();
        Arrival { local, client: seen, is_private: is_private || is_https }
    }
}

fn address(text: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(text.trim_ascii()).ok()?.parse().ok()
}

pub(super) async fn answer(
    service: &Service,
    asked: Request<Incoming>,
    socket: Socket,
    since: Stopwatch,
) -> Response<Bytes> {
    let state = service.state();
    let (_in_flight, now_in_flight) = state.metrics.in_flight.enter();
    let (parts, body) = asked.into_parts();
    let arrival = socket.arrival(&state.limits, &parts.headers);
    if now_in_flight > u64::try_from(state.limits.requests).unwrap_or(u64::MAX) {
        return closing(&body, service.refuse(&parts, Refusal::overloaded("requests"), Some(arrival), since));
    }
    if let Err(refusal) = state.check_rate_from(arrival.client) {
        return closing(&body, service.refuse(&parts, refusal, Some(arrival), since));
    }
    if size(&parts) > state.limits.header_bytes {
        let message = format!("the headers are over {} bytes; send less in them", state.limits.header_bytes);
        let refusal = Refusal::new(ErrorCode::BAD_REQUEST, message).with_status(431);
        return closing(&body, service.refuse(&parts, refusal, Some(arrival), since));
    }
    if body.is_end_stream() {
        return service.answer(&parts, Some(&Bytes::new()), Some(arrival), since).await;
    }
    match time::timeout(state.limits.body_deadline, read(&parts, body, state.limits.body_bytes)).await {
        Ok(Some(body)) => service.answer(&parts, Some(&body), Some(arrival), since).await,
        Ok(None) => closed(service.answer(&parts, None, Some(arrival), since).await),
        Err(_) => {
            let message = "the body did not come in time; send it at once, or send less";
            let refusal = Refusal::new(ErrorCode::BAD_REQUEST, message).with_status(408);
            closed(service.refuse(&parts, refusal, Some(arrival), since))
        }
    }
}

/// For a connection that is one too many.
pub(super) fn refuse_connection(
    service: &Service,
    asked: Request<Incoming>,
    socket: Socket,
    since: Stopwatch,
) -> Response<Bytes> {
    let (parts, _) = asked.into_parts();
    let arrival = socket.arrival(&service.state().limits, &parts.headers);
    service.refuse(&parts, Refusal::overloaded("connections"), Some(arrival), since)
}

/// A connection whose body is not read can carry no other request.
fn closing(body: &Incoming, answer: Response<Bytes>) -> Response<Bytes> {
    if body.is_end_stream() { answer } else { closed(answer) }
}

fn closed(mut answer: Response<Bytes>) -> Response<Bytes> {
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// How long a request's line and headers were, about.
fn size(parts: &Parts) -> usize {
    /// What stands around a header's name and value.
    const AROUND: usize = 4;
    let headers = parts.headers.iter();
    let sizes = headers.map(|(name, value)| name.as_str().len().saturating_add(value.len()).saturating_add(AROUND));
    let uri = &parts.uri;
    let target = [
        uri.scheme_str().map_or(0, str::len),
        uri.authority().map_or(0, |authority| authority.as_str().len()),
        uri.path_and_query().map_or(0, |path| path.as_str().len()),
    ];
    sizes.chain(target).fold(parts.method.as_str().len(), usize::saturating_add)
}

/// The body, unless it is too large. One that breaks off counts as that too: nobody is there to read the answer.
async fn read(parts: &Parts, body: Incoming, most: usize) -> Option<Bytes> {
    let announced = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > most) {
        return None;
    }
    let mut body = pin!(body);
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        // What is no data is a trailer, which says nothing here.
        let Ok(data) = frame.ok()?.into_data() else {
            continue;
        };
        if whole.len().saturating_add(data.len()) > most {
            return None;
        }
        if whole.is_empty() && body.is_end_stream() {
            return Some(data);
        }
        whole.extend_from_slice(&data);
    }
    Some(whole.freeze())
}
