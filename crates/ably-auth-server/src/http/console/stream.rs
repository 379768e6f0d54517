//! The live log, as server-sent events. Only one event is in memory at a time: it is built from the journal when the
//! client has read the one before.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use super::{Visit, log};
use crate::http::delivery::Delivery;
use crate::http::reply::Reply;
use crate::http::route;
use crate::journal::filter::Filter;
use crate::journal::{Journal, Position};
use crate::refusal::Refusal;

/// The interval at which the journal is read. To notify the streams of each entry would cost more than reading it.
const EVENT_INTERVAL: Duration = Duration::from_millis(200);

/// The time after which a silent stream sends a comment, so that both sides notice a lost connection.
const PING_INTERVAL: Duration = Duration::from_secs(15);

/// The maximum number of rows in an event.
const MAX_ROWS: usize = 200;

/// The maximum size of the rows in an event, in bytes.
const MAX_EVENT_BYTES: usize = 256 * 1024;

/// Answers with the rows that the journal has already. The stream of later rows follows if the caller has a socket.
pub(super) fn answer(visit: &Visit<'_>) -> Result<Reply, Refusal> {
    let call = visit.call;
    let journal = Arc::clone(log::journal(visit)?);
    let filter = log::filter(visit)?;
    let last_seen = call.header("last-event-id").and_then(|id| id.parse().ok());
    let after = match last_seen {
        None => log::number(visit, "after")?,
        last_seen => last_seen,
    };
    let console = call.state.console.as_ref().ok_or_else(route::not_found)?;
    let Ok(permit) = Arc::clone(&console.streams).try_acquire_owned() else {
        let message = "too many streams of the log are open; close another page of the console";
        return Err(Refusal::new(ably_auth_core::ErrorCode::RATE_LIMITED, message).after(Duration::from_secs(5)));
    };
    let mut stream = LogStream::new(journal, filter, after, permit);
    let mut text = b"retry: 1000\n\n".to_vec();
    text.extend(stream.event().unwrap_or_default());
    if call.parts.method == Method::GET {
        call.deliver(Delivery::Streamed(Arc::new(Mutex::new(Some(stream)))));
    }
    let reply = Reply::empty().with_status(StatusCode::OK).with_body(text.into());
    Ok(reply.with_headers([(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"))]))
}

/// The events of a stream, and how many streams are open.
pub(crate) struct LogStream {
    journal: Arc<Journal>,
    filter: Filter,
    /// The number of the last row that was sent or skipped.
    after: u64,
    /// How often the journal had been cleared at the last event.
    cleared: u64,
    /// The pace of the events. It is created with the first wait, which needs a runtime.
    pace: Option<Interval>,
    _permit: OwnedSemaphorePermit,
}

impl LogStream {
    fn new(journal: Arc<Journal>, filter: Filter, after: Option<u64>, permit: OwnedSemaphorePermit) -> Self {
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
    fn event(&mut self) -> Option<Vec<u8>> {
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
