//! The exchange that asks the service for its time.

use ably_auth_core::Timestamp;
use bytes::Bytes;
use http::{Method, Request, Response};

use super::sent_secrets::SentSecrets;
use super::{Exchange, Step, answer, outgoing};
use crate::error::Error;
use crate::hosts::Endpoint;
use crate::transport::TransportFault;

/// A request for the service's time (`RSC16`). It needs no credentials.
///
/// ```
/// use ably_auth::exchange::{self, ServerTime};
/// use ably_auth::{Endpoint, TransportFault};
/// use bytes::Bytes;
/// use http::{Request, Response};
///
/// fn service(_: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
///     Ok(Response::new(Bytes::from_static(b"[1449746287318]")))
/// }
/// let time = exchange::run_blocking(ServerTime::new(&Endpoint::default()), &service)?;
/// assert_eq!(time.as_millis(), 1_449_746_287_318);
/// # Ok::<(), ably_auth::Error>(())
/// ```
#[derive(Debug)]
pub struct ServerTime {
    request: Option<Result<Request<Bytes>, Error>>,
}

impl ServerTime {
    /// Creates the request to the service at `endpoint`.
    #[must_use]
    pub fn new(endpoint: &Endpoint) -> Self {
        let request = endpoint.uri("/time").map(|uri| outgoing::request(Method::GET, uri, Bytes::new()));
        Self { request: Some(request) }
    }
}

impl Exchange for ServerTime {
    type Output = Timestamp;

    fn start(&mut self) -> Step<Timestamp> {
        super::start_once(&mut self.request)
    }

    fn answered(&mut self, answer: Result<Response<Bytes>, TransportFault>) -> Step<Timestamp> {
        Step::Done(answer.map_err(Error::from).and_then(|answer| {
            let [time]: [Timestamp; 1] = answer::read(&answer, "a time", &SentSecrets::default())?;
            Ok(time)
        }))
    }
}
