//! A page of things in the order of time.

use ably_auth_core::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Backwards,
    Forwards,
}

/// Which of the things are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    pub(crate) direction: Direction,
    pub(crate) limit: usize,
    /// The position of the last thing on the page before.
    pub(crate) after: Option<u64>,
}

/// Something that has a moment, and a place among its like that no later one changes.
pub(crate) trait Positioned {
    fn position(&self) -> u64;
    fn moment(&self) -> Timestamp;
}

impl Page {
    /// Those on the page, and the position to go on after if there are more. `things` are in ascending order.
    pub(crate) fn of<T: Positioned>(&self, things: impl DoubleEndedIterator<Item = T>) -> (Vec<T>, Option<u64>) {
        match self.direction {
            Direction::Forwards => self.take(things),
            Direction::Backwards => self.take(things.rev()),
        }
    }

    fn take<T: Positioned>(&self, things: impl Iterator<Item = T>) -> (Vec<T>, Option<u64>) {
        let is_ahead = |thing: &T| match (self.after, self.direction) {
            (None, _) => true,
            (Some(after), Direction::Forwards) => thing.position() > after,
            (Some(after), Direction::Backwards) => thing.position() < after,
        };
        let in_time = |thing: &T| (self.start..=self.end).contains(&thing.moment());
        let mut matching = things.filter(|thing| is_ahead(thing) && in_time(thing));
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

        fn moment(&self) -> Timestamp {
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
                    let (things, next) = page.of(0..11_u64);
                    assert!(things.len() <= limit);
                    seen.extend(things);
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
