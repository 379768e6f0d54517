//! The transport of a connection without an HTTP client.

use std::time::Duration;

use ably_auth::{FaultKind, Sleep, Transport, TransportFault};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

/// A transport that sends nothing. It has tokio's timer, so that waiting for a token has a time limit.
pub(crate) struct WithoutHttp;

#[async_trait]
impl Transport for WithoutHttp {
    async fn send(&self, _: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
        Err(TransportFault::new(FaultKind::Unsupported, "a connection without an HTTP client sends no requests"))
    }

    fn sleep(&self, duration: Duration) -> Option<Sleep> {
        Some(Box::pin(tokio::time::sleep(duration)))
    }
}
