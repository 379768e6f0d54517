//! The connection to the service that all exchanges of a client share.

use std::sync::Arc;
use std::time::Duration;

use ably_auth_core::{ApiKey, Timestamp};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

use crate::clock::Clock;
use crate::error::Error;
use crate::fallback_transport::FallbackTransport;
use crate::hosts::Endpoint;
use crate::key_signer::KeySigner;
use crate::mode::Mode;
use crate::options::ClientOptions;
use crate::random::Random;
use crate::time_offset::TimeOffset;
use crate::transport::{BlockingTransport, Sleep, Transport, TransportFault};

/// A transport to the service, with the state that requests to it share.
pub(super) struct Service<T> {
    /// The transport with host fallback. Requests to other servers, such as an auth URL, use the transport inside it.
    pub(super) transport: FallbackTransport<Arc<T>>,
    pub(super) endpoint: Endpoint,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    pub(super) time_offset: Arc<TimeOffset>,
}

impl<T> Service<T> {
    pub(super) fn new<M: Mode>(options: &ClientOptions<M>, transport: T) -> Result<Self, Error> {
        let ClientOptions { endpoint, http, clock, random, .. } = options;
        Ok(Self {
            transport: FallbackTransport::new(Arc::new(transport), endpoint, http, clock.clone(), random.clone())?,
            endpoint: endpoint.clone(),
            clock: clock.clone(),
            random: random.clone(),
            time_offset: Arc::default(),
        })
    }

    pub(super) fn signer(&self, key: &ApiKey, query_time: bool) -> KeySigner {
        KeySigner::new(key.clone())
            .clock(Arc::clone(&self.clock))
            .random(Arc::clone(&self.random))
            .time_offset(Arc::clone(&self.time_offset))
            .query_time(query_time)
    }

    pub(super) fn set_service_time(&self, service_time: Timestamp) {
        self.time_offset.set(service_time, self.clock.moment());
    }

    pub(super) fn knows_service_time(&self) -> bool {
        self.time_offset.service_time(self.clock.moment()).is_some()
    }
}

#[async_trait]
impl<T: Transport> Transport for Service<T> {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
        self.transport.send(request).await
    }

    fn sleep(&self, duration: Duration) -> Option<Sleep> {
        self.transport.sleep(duration)
    }
}

impl<T: BlockingTransport> BlockingTransport for Service<T> {
    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
        self.transport.send(request)
    }
}
