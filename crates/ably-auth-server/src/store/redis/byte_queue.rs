//! A queue that is limited in bytes.

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::sync::Notify;

use crate::sync::lock;

/// The bytes that an item uses in addition to its content.
const ITEM_OVERHEAD: usize = 64;

/// A queue for one reader. The content of its items uses at most `most` bytes.
#[derive(Debug)]
pub(super) struct ByteQueue<T> {
    most: usize,
    items: Mutex<Items<T>>,
    /// Notified when there is an item.
    filled: Notify,
    /// Notified when an item has been taken.
    drained: Notify,
}

#[derive(Debug)]
struct Items<T> {
    queue: VecDeque<(T, usize)>,
    bytes: usize,
}

impl<T> ByteQueue<T> {
    pub(super) fn new(most: usize) -> Self {
        let items = Mutex::new(Items { queue: VecDeque::new(), bytes: 0 });
        Self { most, items, filled: Notify::new(), drained: Notify::new() }
    }

    /// Adds an item whose content has `bytes` bytes. Returns false if it does not fit.
    pub(super) fn push(&self, item: T, bytes: usize) -> bool {
        let bytes = bytes.saturating_add(ITEM_OVERHEAD);
        let mut items = lock(&self.items);
        let more = items.bytes.saturating_add(bytes);
        if more > self.most {
            return false;
        }
        items.bytes = more;
        items.queue.push_back((item, bytes));
        drop(items);
        self.filled.notify_one();
        true
    }

    /// Adds an item without content. If it does not fit, drops all items before it.
    pub(super) fn push_or_clear(&self, item: T) {
        let mut items = lock(&self.items);
        if items.bytes.saturating_add(ITEM_OVERHEAD) > self.most {
            items.queue.clear();
            items.bytes = 0;
        }
        items.bytes = items.bytes.saturating_add(ITEM_OVERHEAD);
        items.queue.push_back((item, ITEM_OVERHEAD));
        drop(items);
        self.filled.notify_one();
    }

    /// Waits for the next item. Dropping the future loses none.
    pub(super) async fn pop(&self) -> T {
        loop {
            if let Some(item) = self.try_pop() {
                return item;
            }
            self.filled.notified().await;
        }
    }

    pub(super) fn try_pop(&self) -> Option<T> {
        let mut items = lock(&self.items);
        let (item, bytes) = items.queue.pop_front()?;
        items.bytes = items.bytes.saturating_sub(bytes);
        drop(items);
        self.drained.notify_one();
        Some(item)
    }

    /// Waits until at least half of the queue is free.
    pub(super) async fn room(&self) {
        while lock(&self.items).bytes > self.most / 2 {
            self.drained.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn queue_refuses_what_does_not_fit_and_has_room_again() {
        let queue = ByteQueue::new(1_000);
        assert!(queue.push(1, 400) && queue.push(2, 400) && !queue.push(3, 400));
        queue.push_or_clear(4);
        assert_eq!((queue.pop().await, queue.pop().await), (1, 2));
        queue.room().await;
        assert!(queue.push(5, 800));
        assert_eq!(queue.pop().await, 4);
        assert!(queue.push(6, 40));
        queue.push_or_clear(7);
        assert_eq!((queue.pop().await, queue.try_pop()), (7, None), "the queue was full");
    }
}
