//! An open WebSocket.

use std::collections::VecDeque;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ably_auth::connection::Format;
use ably_auth::{Error, FaultKind, TransportFault};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt as _};
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::opener::{WebSocket, fault};

/// The time for the last frames of a socket to be written.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The most frames of the connection itself that wait for a service that reads nothing. Only a service that asks for
/// them without reading them, as with AUTH, causes so many.
const MAX_UNWRITTEN: usize = 64;

/// A frame from the service.
pub(crate) enum Received {
    /// A protocol message.
    Message(Bytes),
    /// A ping or a pong.
    Control,
}

/// A socket, and the frames of the connection itself that wait for it. They go before those of the application.
pub(crate) struct Socket {
    web: WebSocket,
    /// The host, for errors.
    host: String,
    control: VecDeque<Message>,
    /// The number of frames of the application among them.
    of_application: usize,
    /// True if a frame was discarded because too many wait.
    is_overfull: bool,
    needs_flush: bool,
}

impl Socket {
    pub(crate) const fn new(web: WebSocket, host: String) -> Self {
        Self { web, host, control: VecDeque::new(), of_application: 0, is_overfull: false, needs_flush: false }
    }

    /// Adds a frame of the connection itself. If too many wait, the socket fails.
    pub(crate) fn send(&mut self, frame: Message) {
        if self.unwritten() >= MAX_UNWRITTEN {
            self.is_overfull = true;
        } else {
            self.control.push_back(frame);
        }
    }

    /// Adds a frame of the application, which goes before the CLOSE that follows.
    pub(crate) fn send_of_application(&mut self, frame: Message) {
        self.of_application = self.of_application.saturating_add(1);
        self.control.push_back(frame);
    }

    /// Returns the number of frames of the connection itself that wait.
    pub(crate) fn unwritten(&self) -> usize {
        self.control.len().saturating_sub(self.of_application)
    }

    /// Writes the waiting frames, and then those that `next` gives. It is ready only with the error of a socket that
    /// failed.
    ///
    /// The library collects 8 KiB before it writes, so it holds at most one frame more than that.
    pub(crate) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        mut next: impl FnMut(&mut Context<'_>) -> Poll<Message>,
    ) -> Poll<Error> {
        if self.is_overfull {
            let why = "the service reads nothing of what it asks for";
            return Poll::Ready(TransportFault::new(FaultKind::Interrupted, why).at_host(&self.host).into());
        }
        loop {
            if let Err(error) = ready!(self.web.poll_ready_unpin(context)) {
                return Poll::Ready(fault(error, &self.host));
            }
            let frame = match self.control.pop_front() {
                Some(frame) => frame,
                None => match next(context) {
                    Poll::Ready(frame) => frame,
                    Poll::Pending => break,
                },
            };
            if let Err(error) = self.web.start_send_unpin(frame) {
                return Poll::Ready(fault(error, &self.host));
            }
            self.needs_flush = true;
        }
        if self.needs_flush {
            if let Err(error) = ready!(self.web.poll_flush_unpin(context)) {
                return Poll::Ready(fault(error, &self.host));
            }
            self.needs_flush = false;
        }
        Poll::Pending
    }

    /// Reads a frame. The library answers pings.
    pub(crate) fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Result<Received, Error>> {
        let received = ready!(self.web.poll_next_unpin(context));
        let closed = |why: String| Err(TransportFault::new(FaultKind::Interrupted, why).at_host(&self.host).into());
        Poll::Ready(match received {
            Some(Ok(Message::Text(text))) => Ok(Received::Message(text.into())),
            Some(Ok(Message::Binary(bytes))) => Ok(Received::Message(bytes)),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(Received::Control),
            Some(Ok(Message::Close(Some(frame)))) => {
                closed(format!("the service closed the socket with code {}", u16::from(frame.code)))
            }
            Some(Ok(Message::Close(None))) | None => closed("the service closed the socket".to_owned()),
            Some(Err(error)) => Err(fault(error, &self.host)),
        })
    }

    /// Writes the frames of the connection itself that wait, and closes the socket.
    pub(crate) async fn close(mut self) {
        let close = async {
            for frame in std::mem::take(&mut self.control) {
                self.web.feed(frame).await?;
            }
            SinkExt::close(&mut self.web).await
        };
        if matches!(timeout(CLOSE_TIMEOUT, close).await, Ok(Ok(()))) {
            let _ = timeout(CLOSE_TIMEOUT, self.web.into_inner().shutdown()).await;
        }
    }
}

/// Returns the frame of a protocol message.
pub(crate) fn frame(format: Format, content: Vec<u8>) -> Message {
    match format {
        Format::MsgPack => Message::binary(content),
        // JSON is UTF-8.
        Format::Json => Message::text(String::from_utf8(content).unwrap_or_default()),
    }
}
