//! Answers, tokens and a clock for tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ably_auth::{Clock, Timestamp, TokenDetails};
use bytes::Bytes;
use http::Response;

pub(crate) fn answer(status: u16, body: impl Into<Bytes>) -> Response<Bytes> {
    Response::builder().status(status).body(body.into()).unwrap()
}

pub(crate) fn refusal(status: u16, code: u32) -> Response<Bytes> {
    let body = format!(r#"{{"error":{{"code":{code},"statusCode":{status},"message":"no"}}}}"#);
    answer(status, body)
}

pub(crate) fn details(token: &str) -> TokenDetails {
    serde_json::from_value(serde_json::json!({ "token": token, "issued": 0, "expires": 1000 })).unwrap()
}

/// A clock that only moves on command.
#[derive(Clone, Default)]
pub(crate) struct VirtualTime(Arc<AtomicU64>);

impl VirtualTime {
    pub(crate) fn advance(&self, millis: u64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        let time = Arc::clone(&self.0);
        Arc::new(move || Timestamp::from_millis(time.load(Ordering::SeqCst)))
    }
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
