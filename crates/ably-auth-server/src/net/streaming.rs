//! The events that follow a response's body, until the client goes or the server shuts down.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::sync::watch;

use super::phase::Phase;
use crate::journal::LogStream;

/// The wait for the next event. It returns the stream with it, so that the future can own both.
type Next = Pin<Box<dyn Future<Output = Option<(Source, Bytes)>> + Send>>;

struct Source {
    stream: LogStream,
    closing: watch::Receiver<bool>,
}

/// The events of a stream, one at a time. Only when hyper has taken one is the next one built.
pub(super) struct Streaming {
    next: Next,
    phase: Arc<Phase>,
}

impl Streaming {
    pub(super) fn new(stream: LogStream, phase: Arc<Phase>, closing: watch::Receiver<bool>) -> Self {
        phase.stream();
        Self { next: next(Source { stream, closing }), phase }
    }

    /// Returns the next event; `None` when the server shuts down.
    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.next.as_mut().poll(context).map(|event| {
            let (source, event) = event?;
            self.next = next(source);
            Some(event)
        })
    }
}

fn next(mut source: Source) -> Next {
    Box::pin(async move {
        let event = tokio::select! {
            biased;
            // An error means that the server is gone.
            _ = source.closing.wait_for(|closing| *closing) => return None,
            event = source.stream.next() => event,
        };
        Some((source, event))
    })
}

/// The connection takes requests again, if it is still open.
impl Drop for Streaming {
    fn drop(&mut self) {
        self.phase.end(true);
    }
}

impl fmt::Debug for Streaming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Streaming")
    }
}
