//! The events of a connection: messages and state changes.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ably_auth::connection::{ConnectionStateChange, ProtocolMessage};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt as _};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::mpsc;

/// An event of a connection.
///
/// ```
/// use ably_auth_websocket::Event;
///
/// fn log(event: &Event) {
///     match event {
///         Event::Change(change) => eprintln!("{} -> {}", change.previous(), change.current()),
///         Event::Message(message) => eprintln!("{:?} on {:?}", message.action(), message.get_channel()),
///         _ => {}
///     }
/// }
/// ```
#[allow(clippy::large_enum_variant, reason = "most events are messages")]
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The connection has changed its state or its details.
    Change(ConnectionStateChange),
    /// A message has arrived for the application: any but those that keep the connection.
    Message(ProtocolMessage),
}

/// The events of a connection, in order, as a stream. It ends after the connection was dropped.
///
/// A bounded number of events waits to be taken: see
/// [`queue_capacity`](crate::ConnectionOptions::queue_capacity). While a message waits for room there, the connection
/// reads nothing more from its socket. Drop the events if you do not need them: messages are then discarded.
///
/// ```no_run
/// use ably_auth_websocket::{Event, Events};
///
/// async fn print(mut events: Events) {
///     while let Some(event) = events.next().await {
///         if let Event::Message(message) = event {
///             println!("{:?}", message.get_messages());
///         }
///     }
/// }
/// ```
pub struct Events(pub(crate) mpsc::Receiver<Box<Event>>);

impl Events {
    /// Waits for the next event. Returns `None` after the connection was dropped. If this is cancelled, no event is
    /// lost.
    pub async fn next(&mut self) -> Option<Event> {
        self.0.recv().await.map(|event| *event)
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        self.0.poll_recv(context).map(|event| event.map(|event| *event))
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

/// The state changes of a connection from the call of [`Connection::changes`](crate::Connection::changes) on, as a
/// stream. It ends after the connection was dropped.
///
/// Up to 64 changes wait to be taken. After that, the oldest are lost.
///
/// ```no_run
/// # async fn example(connection: ably_auth_websocket::Connection) {
/// let mut changes = connection.changes();
/// while let Some(change) = changes.next().await {
///     eprintln!("{} -> {}", change.previous(), change.current());
/// }
/// # }
/// ```
pub struct Changes(BoxStream<'static, ConnectionStateChange>);

impl Changes {
    pub(crate) fn new(receiver: broadcast::Receiver<Arc<ConnectionStateChange>>) -> Self {
        let next = |mut receiver: broadcast::Receiver<Arc<ConnectionStateChange>>| async {
            loop {
                match receiver.recv().await {
                    Ok(change) => return Some((Arc::unwrap_or_clone(change), receiver)),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        };
        Self(futures_util::stream::unfold(receiver, next).boxed())
    }

    /// Waits for the next change. Returns `None` after the connection was dropped. If this is cancelled, no change is
    /// lost.
    pub async fn next(&mut self) -> Option<ConnectionStateChange> {
        self.0.next().await
    }
}

impl Stream for Changes {
    type Item = ConnectionStateChange;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<ConnectionStateChange>> {
        self.0.poll_next_unpin(context)
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes").finish_non_exhaustive()
    }
}
