//! The events that the application has not taken.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::{SendError, TrySendError};

use crate::events::Event;
use crate::trace;

/// The maximum number of state changes that wait for room in the queue.
pub(crate) const MAX_WAITING_CHANGES: usize = 64;

/// The maximum number of messages that wait for room in the queue. The socket is read no more after the first, except
/// while the connection opens or closes, when few messages arrive.
const MAX_WAITING_MESSAGES: usize = 16;

type Reserving = BoxFuture<'static, Result<mpsc::OwnedPermit<Box<Event>>, SendError<()>>>;

/// The queue of events, and those that wait for room in it. They are boxed: the queue keeps memory for 32 of them.
pub(crate) struct Delivery {
    queue: mpsc::Sender<Box<Event>>,
    waiting: VecDeque<Event>,
    reserving: Option<Reserving>,
}

impl Delivery {
    pub(crate) const fn new(queue: mpsc::Sender<Box<Event>>) -> Self {
        Self { queue, waiting: VecDeque::new(), reserving: None }
    }

    /// Adds an event. It is discarded if the application has dropped its [`Events`](crate::Events).
    pub(crate) fn push(&mut self, event: Event) {
        if !self.waiting.is_empty() {
            return self.wait(event);
        }
        if let Err(TrySendError::Full(event)) = self.queue.try_send(Box::new(event)) {
            self.wait(*event);
        }
    }

    fn wait(&mut self, event: Event) {
        let is_change = |event: &Event| matches!(event, Event::Change(_));
        let has_most = self.waiting.iter().filter(|event| is_change(event)).count() >= MAX_WAITING_CHANGES;
        if is_change(&event) && has_most {
            let oldest = self.waiting.iter().position(is_change).unwrap_or_default();
            self.waiting.remove(oldest);
            trace::changes_dropped();
        }
        self.waiting.push_back(event);
    }

    /// Returns true if the socket is to be read, although messages may wait.
    pub(crate) fn has_room(&self, is_connected: bool) -> bool {
        let messages = self.waiting.iter().filter(|event| matches!(event, Event::Message(_))).count();
        if is_connected { messages == 0 } else { messages < MAX_WAITING_MESSAGES }
    }

    /// Moves events that wait to the queue. Ready once there is more room.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.waiting.is_empty() {
            return Poll::Pending;
        }
        let reserving = self.reserving.get_or_insert_with(|| self.queue.clone().reserve_owned().boxed());
        let Poll::Ready(permit) = reserving.poll_unpin(context) else { return Poll::Pending };
        self.reserving = None;
        match permit {
            Ok(permit) => {
                if let Some(event) = self.waiting.pop_front() {
                    permit.send(Box::new(event));
                }
            }
            // The application has dropped its `Events`.
            Err(_) => self.waiting.clear(),
        }
        Poll::Ready(())
    }
}
