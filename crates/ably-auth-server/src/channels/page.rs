//! Pages of items that are ordered by time.

use ably_auth_core::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Backwards,
    Forwards,
}

/// The items that a client requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    pub(crate) direction: Direction,
    pub(crate) limit: usize,
    /// The position of the last item on the previous page.
    pub(crate) after: Option<u64>,
}

/// An item with a timestamp, and with a position that does not change when later items are added.
pub(crate) trait Positioned {
    fn position(&self) -> u64;
    fn timestamp(&self) -> Timestamp;
}

impl Page {
    /// Returns the items on the page, and the position after which the next page starts if there are more. `items` must
    /// be in ascending order.
    pub(crate) fn of<T: Positioned>(&self, items: impl DoubleEndedIterator<Item = T>) -> (Vec<T>, Option<u64>) {
        match self.direction {
            Direction::Forwards => self.take(items),
            Direction::Backwards => self.take(items.rev()),
        }
    }

    fn take<T: Positioned>(&self, items: impl Iterator<Item = T>) -> (Vec<T>, Option<u64>) {
        let is_ahead = |item: &T| match (self.after, self.direction) {
            (None, _) => true,
            (Some(after), Direction::Forwards) => item.position() > after,
            (Some(after), Direction::Backwards) => item.position() < after,
        };
        let in_time = |item: &T| (self.start..=self.end).contains(&item.timestamp());
        let mut matching = items.filter(|item| is_ahead(item) && in_time(item));
        let page: Vec<_> = matching.by_ref().take(self.limit).collect();
        let more = matching.next().is_some();
        let last = page.last().map(Positioned::position).filter(|_| more);
        (page, last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Positioned for u64 {
        fn position(&self) -> u64 {
            *self
        }

        fn timestamp(&self) -> Timestamp {
            Timestamp::from_millis(self.saturating_mul(10))
        }
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_overlap() {
        for direction in [Direction::Backwards, Direction::Forwards] {
            for limit in 1..12 {
                let (start, end) = (Timestamp::from_millis(20), Timestamp::from_millis(90));
                let mut page = Page { start, end, direction, limit, after: None };
                let mut seen = Vec::new();
                loop {
                    let (items, next) = page.of(0..11_u64);
                    assert!(items.len() <= limit);
                    seen.extend(items);
                    let Some(after) = next else { break };
                    page.after = Some(after);
                }
                if direction == Direction::Backwards {
                    seen.reverse();
                }
                assert_eq!(seen, Vec::from_iter(2..=9));
            }
        }
    }
}
