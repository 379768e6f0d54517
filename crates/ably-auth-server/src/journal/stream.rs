//! The rows of the journal as server-sent events. Only one event is in memory at a time: it is built when the client has
//! read the one before.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use super::filter::Filter;
use super::list::{Journal, Position};

/// The interval at which the journal is read. To notify the streams of each entry would cost more than reading it.
const EVENT_INTERVAL: Duration = Duration::from_millis(200);

/// The time after which a silent stream sends a comment, so that both sides notice a lost connection.
const PING_INTERVAL: Duration = Duration::from_secs(15);

/// The maximum number of rows in an event.
const MAX_ROWS: usize = 200;

/// The maximum size of the rows in an event, in bytes.
const MAX_EVENT_BYTES: usize = 256 * 1024;

/// The events of one reader of the journal.
pub(crate) struct LogStream {
    journal: Arc<Journal>,
    filter: Filter,
    /// The number of the last row that was sent or skipped.
    after: u64,
    /// The number of times that the journal had been cleared at the last event.
    cleared: u64,
    /// The pace of the events. It is created with the first wait, which needs a runtime.
    pace: Option<Interval>,
    _permit: OwnedSemaphorePermit,
}

impl LogStream {
    /// Starts after the row of this number, or with the next row.
    pub(crate) fn new(journal: Arc<Journal>, filter: Filter, after: Option<u64>, permit: OwnedSemaphorePermit) -> Self {
        let Position { last, cleared } = journal.position();
        // The numbers of another run of the service mean nothing here.
        let after = after.map_or(last, |after| if after > last { 0 } else { after });
        Self { journal, filter, after, cleared, pace: None, _permit: permit }
    }

    /// Waits for the next event, or for the time of a comment.
    pub(crate) async fn next(&mut self) -> Bytes {
        let event = async {
            loop {
                let pace = self.pace.get_or_insert_with(|| {
                    let mut pace = interval(EVENT_INTERVAL);
                    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
                    pace
                });
                pace.tick().await;
                if let Some(event) = self.event() {
                    return event;
                }
            }
        };
        match timeout(PING_INTERVAL, event).await {
            Ok(event) => event.into(),
            Err(_) => Bytes::from_static(b": ping\n\n"),
        }
    }

    /// Returns the event of the rows that are new; `None` if there are none.
    pub(crate) fn event(&mut self) -> Option<Vec<u8>> {
        let Position { last, cleared } = self.journal.position();
        if last <= self.after && cleared == self.cleared {
            return None;
        }
        let tail = self.journal.tail(&self.filter, self.after, MAX_ROWS);
        let was_cleared = tail.position.cleared != self.cleared;
        (self.after, self.cleared) = (tail.position.last.max(self.after), tail.position.cleared);
        let mut rows = Vec::with_capacity(tail.rows.len());
        let mut size = 0_usize;
        // The newest rows have precedence.
        for row in tail.rows.iter().rev() {
            size = size.saturating_add(row.get().len());
            if size > MAX_EVENT_BYTES && !rows.is_empty() {
                break;
            }
            rows.push(row.get());
        }
        let skipped = tail.skipped.saturating_add(tail.rows.len().saturating_sub(rows.len()));
        rows.reverse();
        let id = self.after;
        let mut event = String::new();
        if was_cleared {
            event.push_str(&format!("id: {id}\nevent: cleared\ndata: {{}}\n\n"));
        }
        if !rows.is_empty() {
            let rows = rows.join(",");
            event.push_str(&format!("id: {id}\nevent: rows\ndata: {{\"rows\":[{rows}],\"skipped\":{skipped}}}\n\n"));
        }
        (!event.is_empty()).then(|| event.into_bytes())
    }
}

impl fmt::Debug for LogStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogStream").field("after", &self.after).finish_non_exhaustive()
    }
}
