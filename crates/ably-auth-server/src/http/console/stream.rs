//! The live log.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode};

use super::log;
use super::visit::Visit;
use crate::http::delivery::Delivery;
use crate::http::reply::Reply;
use crate::http::route;
use crate::journal::LogStream;
use crate::refusal::Refusal;

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
