//! A transport that records each request and its response.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ably_auth::{BlockingTransport, Transport, TransportFault};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, Response};

use crate::clock::Stopwatch;

/// A request and its response, without headers and bodies, because these contain tokens.
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) status: Option<u16>,
    pub(super) code: Option<u32>,
    pub(super) took: Duration,
}

/// A log of the calls since the last [`Log::take`].
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<Call>>>);

impl Log {
    pub(super) fn take(&self) -> Vec<Call> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the error code of each call since the last [`Log::take`].
    pub(super) fn codes(&self) -> Vec<Option<u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|call| call.code).collect()
    }

    fn add(&self, request: (Method, String), answer: &Result<Response<Bytes>, TransportFault>, watch: Stopwatch) {
        let (method, path) = request;
        let answer = answer.as_ref().ok();
        let code = answer.and_then(|answer| answer.headers().get("x-ably-errorcode")?.to_str().ok()?.parse().ok());
        let status = answer.map(|answer| answer.status().as_u16());
        let call = Call { method, path, status, code, took: watch.elapsed() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }
}

/// A transport that adds each call to a log.
pub(super) struct Recorder<T> {
    pub(super) transport: T,
    pub(super) log: Log,
}

fn line(request: &Request<Bytes>) -> (Method, String) {
    (request.method().clone(), request.uri().path().to_owned())
}

#[async_trait]
impl<T: Transport> Transport for Recorder<T> {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
        let (line, watch) = (line(&request), Stopwatch::start());
        let answer = self.transport.send(request).await;
        self.log.add(line, &answer, watch);
        answer
    }
}

impl<T: BlockingTransport> BlockingTransport for Recorder<T> {
    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
        let (line, watch) = (line(&request), Stopwatch::start());
        let answer = self.transport.send(request);
        self.log.add(line, &answer, watch);
        answer
    }
}
