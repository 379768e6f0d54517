//! A transport to a service that has several hosts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

use crate::clock::Clock;
use crate::error::Error;
use crate::exchange::{FallbackStep, HostFallback, Hosts, add_request_id};
use crate::hosts::Endpoint;
use crate::http_settings::HttpSettings;
use crate::random::Random;
use crate::request_id::RequestId;
use crate::transport::{BlockingTransport, Sleep, Transport, TransportFault};

/// A transport that sends requests to the hosts of a service over another transport, until one of them serves the
/// request: see [`HostFallback`]. [`Auth`](crate::Auth) wraps its transport in it.
///
/// ```
/// use std::sync::Arc;
///
/// use ably_auth::{Endpoint, FallbackTransport, HttpSettings, SystemClock, SystemRandom};
///
/// let inner = (); // your transport
/// let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
/// let transport =
///     FallbackTransport::new(inner, &Endpoint::default(), &HttpSettings::default(), clock, random)?;
/// # Ok::<(), ably_auth::Error>(())
/// ```
pub struct FallbackTransport<T> {
    transport: T,
    hosts: Hosts,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    add_request_ids: bool,
}

impl<T> FallbackTransport<T> {
    /// Creates a transport that sends requests for `endpoint` over `transport`, to the hosts of `settings`.
    ///
    /// # Errors
    /// As [`Hosts::new`].
    pub fn new(
        transport: T,
        endpoint: &Endpoint,
        settings: &HttpSettings,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, Error> {
        let hosts = Hosts::new(endpoint, settings)?;
        Ok(Self { transport, hosts, clock, random, add_request_ids: settings.add_request_ids })
    }

    /// Returns the inner transport, for requests to other servers, such as an auth URL.
    pub const fn transport(&self) -> &T {
        &self.transport
    }

    fn now(&self) -> Duration {
        self.clock.steady()
    }

    fn begin(&self, mut request: Request<Bytes>) -> (HostFallback<'_>, Option<RequestId>) {
        if self.add_request_ids {
            // Sending the request matters more than its id.
            let _ = add_request_id(&mut request, &*self.random);
        }
        let request_id = RequestId::of(request.uri());
        (self.hosts.request(request, self.now()), request_id)
    }

    fn answered(
        &self,
        fallback: &mut HostFallback<'_>,
        answer: Result<Response<Bytes>, TransportFault>,
    ) -> FallbackStep {
        fallback.answered(answer, self.now(), &*self.random)
    }
}

/// Attaches the id of the request to the outcome, for the error that may be created from it.
fn attach_request_id(
    outcome: Result<Response<Bytes>, TransportFault>,
    request_id: Option<RequestId>,
) -> Result<Response<Bytes>, TransportFault> {
    let Some(request_id) = request_id else { return outcome };
    match outcome {
        Ok(mut answer) => {
            answer.extensions_mut().insert(request_id);
            Ok(answer)
        }
        Err(fault) => Err(fault.with_request_id(request_id)),
    }
}

#[async_trait]
impl<T: Transport> Transport for FallbackTransport<T> {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
        let (mut fallback, request_id) = self.begin(request);
        let mut step = fallback.start();
        loop {
            step = match step {
                FallbackStep::Send(request) => {
                    let uri = request.uri().clone();
                    let answer = self.transport.send(request).await.map_err(|fault| fault.with_host(&uri));
                    self.answered(&mut fallback, answer)
                }
                FallbackStep::Done(outcome) => return attach_request_id(outcome, request_id),
            };
        }
    }

    fn sleep(&self, duration: Duration) -> Option<Sleep> {
        self.transport.sleep(duration)
    }
}

impl<T: BlockingTransport> BlockingTransport for FallbackTransport<T> {
    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
        let (mut fallback, request_id) = self.begin(request);
        let mut step = fallback.start();
        loop {
            step = match step {
                FallbackStep::Send(request) => {
                    let uri = request.uri().clone();
                    let answer = self.transport.send(request).map_err(|fault| fault.with_host(&uri));
                    self.answered(&mut fallback, answer)
                }
                FallbackStep::Done(outcome) => return attach_request_id(outcome, request_id),
            };
        }
    }
}

impl<T> fmt::Debug for FallbackTransport<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FallbackTransport").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}
