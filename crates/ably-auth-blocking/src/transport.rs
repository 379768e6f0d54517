//! Requests over ureq.

use std::io;
use std::time::Duration;

use ably_auth::{BlockingTransport, Endpoint, Error, FaultKind, TransportFault};
use bytes::Bytes;
use http::{Request, Response};
use ureq::{Agent, Body};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_ANSWER_BYTES: u64 = 16 * 1024 * 1024;

/// Sends requests with a [`ureq::Agent`].
#[derive(Clone, Debug)]
pub struct UreqTransport(Agent);

impl UreqTransport {
    /// Sends with that agent.
    #[must_use]
    pub const fn new(agent: Agent) -> Self {
        Self(agent)
    }

    /// Sends with an agent of its own, made for that endpoint.
    ///
    /// # Errors
    /// None today; TLS is set up with the first connection.
    pub fn for_endpoint(endpoint: &Endpoint) -> Result<Self, Error> {
        let config =
            Agent::config_builder().timeout_connect(Some(CONNECT_TIMEOUT)).timeout_global(Some(REQUEST_TIMEOUT));
        let config = if endpoint.is_loopback() { config.proxy(None) } else { config };
        Ok(Self(config.build().new_agent()))
    }

    fn run(&self, request: Request<Bytes>) -> Result<Response<Body>, ureq::Error> {
        let (parts, body) = request.into_parts();
        if body.is_empty() {
            self.run_plain(Request::from_parts(parts, ()))
        } else {
            self.run_plain(Request::from_parts(parts, &*body))
        }
    }

    fn run_plain(&self, request: Request<impl ureq::AsSendBody>) -> Result<Response<Body>, ureq::Error> {
        let request = self.0.configure_request(request).http_status_as_error(false).max_redirects(0);
        self.0.run(request.max_redirects_will_error(false).build())
    }
}

impl BlockingTransport for UreqTransport {
    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
        let (parts, mut body) = self.run(request).map_err(fault)?.into_parts();
        let bytes = body.with_config().limit(MAX_ANSWER_BYTES).read_to_vec().map_err(fault)?;
        Ok(Response::from_parts(parts, bytes.into()))
    }
}

fn fault(error: ureq::Error) -> TransportFault {
    let kind = match &error {
        ureq::Error::Timeout(_) => FaultKind::TimedOut,
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => FaultKind::Unreachable,
        ureq::Error::Io(error) => match error.kind() {
            io::ErrorKind::TimedOut => FaultKind::TimedOut,
            io::ErrorKind::ConnectionRefused | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                FaultKind::Unreachable
            }
            _ => FaultKind::Interrupted,
        },
        _ => FaultKind::Interrupted,
    };
    TransportFault::new(kind, error)
}
