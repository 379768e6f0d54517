//! The mailbox of a connection: frames that wait to be sent, and signals for its task.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::sync::Notify;
#[cfg(feature = "console")]
use tokio::sync::mpsc::Sender;

use crate::format::Format;
use crate::limits::budget::Account;
#[cfg(feature = "console")]
use crate::live::inquiry::Description;
use crate::live::protocol::Outbound;
use crate::sync::lock;

/// The bytes that a frame uses in a mailbox in addition to its content.
const FRAME_OVERHEAD: usize = 64;

/// The bytes that may wait to be sent without being counted, since every connection has room for them. So a client gets
/// answers when the memory for connections is used up.
const UNCOUNTED: usize = 4 * 1024;

/// Returns how many of the bytes in a mailbox are counted.
const fn counted(bytes: usize) -> usize {
    bytes.saturating_sub(UNCOUNTED)
}

/// The number of waiting frames for which an empty mailbox keeps room.
const KEPT_CAPACITY: usize = 16;

/// The signals of other tasks to a connection's task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Signals {
    /// The credential may not hold any more.
    pub(crate) recheck: bool,
    /// The client resumed the connection on another socket.
    pub(crate) replaced: bool,
    /// The client reads too slowly: a frame did not fit and was dropped.
    pub(crate) overflowed: bool,
    /// The store has not answered for so long that the credential may have been revoked.
    pub(crate) unsure: bool,
    /// The operator ends the connection.
    pub(crate) ended: bool,
    /// The connection is asked to describe itself.
    pub(crate) asked: bool,
}

impl Signals {
    const fn is_empty(self) -> bool {
        !(self.recheck || self.replaced || self.overflowed || self.unsure || self.ended || self.asked)
    }
}

/// The channels on which a connection has presence members.
#[derive(Debug, Default)]
pub(crate) struct Entered {
    pub(crate) channels: BTreeSet<Box<str>>,
    /// True if the members belong to another socket of the connection now. This one may add none.
    pub(crate) is_taken_over: bool,
}

/// The mailbox of a connection.
#[derive(Debug)]
pub(crate) struct Mailbox {
    /// A number that no other connection of the service has.
    pub(crate) number: u64,
    pub(crate) connection_id: Arc<str>,
    pub(crate) format: Format,
    /// False if the connection does not receive what it publishes.
    pub(crate) echo: bool,
    /// The memory that the connection uses.
    pub(crate) account: Account,
    /// The channels on which the connection has presence members.
    pub(crate) entered: Mutex<Entered>,
    queue: Mutex<Queue>,
    /// Notified when there are frames to send.
    filled: Notify,
    /// Notified when there are signals.
    signalled: Notify,
    /// Notified when frames have been taken.
    drained: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Bytes>,
    /// The bytes of the frames that wait, and of the one that is being sent.
    bytes: usize,
    /// The bytes of the frame that is being sent.
    sending: usize,
    signals: Signals,
    /// Takes the description of the connection, if it is asked for.
    #[cfg(feature = "console")]
    inquiry: Option<Sender<Description>>,
    /// True if no more frames are accepted.
    is_closed: bool,
}

impl Mailbox {
    pub(crate) fn new(number: u64, connection_id: Arc<str>, format: Format, echo: bool, account: Account) -> Arc<Self> {
        Arc::new(Self {
            number,
            connection_id,
            format,
            echo,
            account,
            entered: Mutex::default(),
            queue: Mutex::default(),
            filled: Notify::new(),
            signalled: Notify::new(),
            drained: Notify::new(),
        })
    }

    pub(crate) fn send(&self, message: &Outbound<'_>) {
        self.push(message.encode(self.format));
    }

    /// Adds a frame. If it does not fit, the connection is signalled to end.
    pub(crate) fn push(&self, frame: Bytes) {
        let bytes = frame.len().saturating_add(FRAME_OVERHEAD);
        let mut queue = lock(&self.queue);
        if queue.is_closed {
            return;
        }
        let bytes = queue.bytes.saturating_add(bytes);
        if !self.account.take(counted(bytes).saturating_sub(counted(queue.bytes))) {
            queue.is_closed = true;
            queue.signals.overflowed = true;
            self.signalled.notify_one();
            return;
        }
        queue.bytes = bytes;
        queue.frames.push_back(frame);
        self.filled.notify_one();
    }

    /// Queues the last frame. If `now` is true, drops the queued frames first. Later frames are dropped.
    pub(crate) fn finish(&self, last: Option<Bytes>, now: bool) {
        let mut queue = lock(&self.queue);
        if now {
            let sending = queue.sending;
            self.set_bytes(&mut queue, sending);
            // The mailbox of a lost connection stays for long; it keeps no room for frames.
            queue.frames = VecDeque::new();
        }
        // The last frame is small and is sent at once, so it is not counted.
        queue.frames.extend(last);
        queue.is_closed = true;
        #[cfg(feature = "console")]
        {
            queue.inquiry = None;
        }
        self.filled.notify_one();
    }

    /// Waits for the next frame. Returns `None` after the last one.
    pub(crate) async fn next(&self) -> Option<Bytes> {
        loop {
            if let Some(next) = self.try_next() {
                return next;
            }
            self.filled.notified().await;
        }
    }

    /// Returns the next frame; `Some(None)` after the last one, and `None` if it has not arrived yet. The frame is
    /// counted until the next call, or until [`sent`](Self::sent): it uses memory while it is being sent.
    pub(crate) fn try_next(&self) -> Option<Option<Bytes>> {
        let mut queue = lock(&self.queue);
        self.release_sent(&mut queue);
        match queue.frames.pop_front() {
            Some(frame) => {
                queue.sending = frame.len().saturating_add(FRAME_OVERHEAD).min(queue.bytes);
                if queue.frames.is_empty() && queue.frames.capacity() > KEPT_CAPACITY {
                    queue.frames = VecDeque::new();
                }
                Some(Some(frame))
            }
            None if queue.is_closed => Some(None),
            None => None,
        }
    }

    /// Records that the frame that [`try_next`](Self::try_next) returned was sent, or will not be sent.
    pub(crate) fn sent(&self) {
        self.release_sent(&mut lock(&self.queue));
    }

    fn release_sent(&self, queue: &mut Queue) {
        let bytes = std::mem::take(&mut queue.sending);
        if bytes > 0 {
            let rest = queue.bytes.saturating_sub(bytes);
            self.set_bytes(queue, rest);
            self.drained.notify_one();
        }
    }

    /// Sets how many bytes are in use: not more than before.
    fn set_bytes(&self, queue: &mut Queue, bytes: usize) {
        self.account.give_back(counted(queue.bytes).saturating_sub(counted(bytes)));
        queue.bytes = bytes;
    }

    /// Returns whether no more frames are accepted.
    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.queue).is_closed
    }

    /// Waits until fewer than `bytes` wait to be sent.
    pub(crate) async fn below(&self, bytes: usize) {
        while lock(&self.queue).bytes >= bytes {
            self.drained.notified().await;
        }
    }

    /// Returns true if no frame waits, and none will be added.
    pub(crate) fn is_finished(&self) -> bool {
        let queue = lock(&self.queue);
        queue.is_closed && queue.frames.is_empty()
    }

    /// Signals the connection's task.
    pub(crate) fn signal(&self, set: impl FnOnce(&mut Signals)) {
        set(&mut lock(&self.queue).signals);
        self.signalled.notify_one();
    }

    /// Asks the connection to describe itself.
    #[cfg(feature = "console")]
    pub(crate) fn ask(&self, inquiry: Sender<Description>) {
        let mut queue = lock(&self.queue);
        if !queue.is_closed {
            queue.inquiry = Some(inquiry);
            queue.signals.asked = true;
            self.signalled.notify_one();
        }
    }

    /// Takes the sender for the description that was asked for.
    #[cfg(feature = "console")]
    pub(crate) fn take_inquiry(&self) -> Option<Sender<Description>> {
        lock(&self.queue).inquiry.take()
    }

    /// Waits for signals, and resets them.
    pub(crate) async fn signals(&self) -> Signals {
        loop {
            let signals = std::mem::take(&mut lock(&self.queue).signals);
            if !signals.is_empty() {
                return signals;
            }
            self.signalled.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::budget::Budget;
    use crate::live::protocol::Action;

    fn mailbox(most: usize, budget: &Arc<Budget>) -> Arc<Mailbox> {
        Mailbox::new(1, "c".into(), Format::Json, true, Account::new(most, [Arc::clone(budget)]))
    }

    #[tokio::test]
    async fn frames_are_sent_in_order_and_counted_while_they_wait() {
        let budget = Budget::new(10_000);
        let mailbox = mailbox(10_000, &budget);
        mailbox.send(&Outbound::new(Action::Heartbeat));
        mailbox.push(Bytes::from_static(b"second"));
        assert_eq!(budget.used(), 0, "a few frames are not counted");
        mailbox.push(Bytes::from(vec![0; UNCOUNTED]));
        assert_eq!(budget.used(), r#"{"action":0}"#.len() + "second".len() + 3 * FRAME_OVERHEAD);
        mailbox.finish(Some(Bytes::from_static(b"last")), false);
        mailbox.push(Bytes::from_static(b"too late"));
        let mut sent = Vec::new();
        while let Some(frame) = mailbox.next().await {
            sent.push(frame);
        }
        assert_eq!(sent, [&br#"{"action":0}"#[..], b"second", &[0; UNCOUNTED], b"last"]);
        assert_eq!(budget.used(), 0);
    }

    #[tokio::test]
    async fn frame_is_counted_until_it_is_sent() {
        let budget = Budget::new(20_000);
        let mailbox = mailbox(20_000, &budget);
        mailbox.push(Bytes::from(vec![0; 8_000]));
        mailbox.push(Bytes::from(vec![0; 8_000]));
        assert!(mailbox.next().await.is_some());
        assert_eq!(budget.used(), 2 * (8_000 + FRAME_OVERHEAD) - UNCOUNTED);
        mailbox.finish(None, true);
        assert_eq!(budget.used(), 8_000 + FRAME_OVERHEAD - UNCOUNTED, "one is being sent");
        mailbox.sent();
        assert_eq!(budget.used(), 0);
    }

    #[tokio::test]
    async fn full_mailbox_ends_its_connection_and_no_other() {
        let budget = Budget::new(10_000);
        let (full, other) = (mailbox(1_000, &budget), mailbox(10_000, &budget));
        full.push(Bytes::from(vec![0; UNCOUNTED + 800]));
        full.push(Bytes::from(vec![0; 800]));
        assert!(full.signals().await.overflowed);
        full.finish(Some(Bytes::from_static(b"last")), true);
        assert_eq!(full.try_next(), Some(Some(Bytes::from_static(b"last"))), "what waited is dropped");
        assert_eq!((full.try_next(), budget.used()), (Some(None), 0));
        other.push(Bytes::from(vec![0; UNCOUNTED + 800]));
        assert!(other.try_next().is_some());
    }
}
