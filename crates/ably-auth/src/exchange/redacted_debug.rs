//! Requests and answers as `Debug` may show them: an auth URL takes credentials in its query, a token request gets a token for
//! whoever reads it, and the answer to it is one.

use std::fmt;

use bytes::Bytes;
use http::{Request, Response};

/// Without query, headers and body.
pub(super) struct RedactedDebug<'a, T>(pub(super) &'a T);

impl fmt::Debug for RedactedDebug<'_, Request<Bytes>> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.method(), self.0.uri().path())
    }
}

impl fmt::Debug for RedactedDebug<'_, Response<Bytes>> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}", self.0.status().as_u16())
    }
}
