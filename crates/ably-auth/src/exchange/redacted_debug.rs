//! `Debug` output of requests and responses, without secrets.
//!
//! The query of an auth URL may contain credentials, a token request can be exchanged for a token, and its response
//! contains the token.

use std::fmt;

use bytes::Bytes;
use http::{Request, Response};

/// A request or response whose `Debug` output has no query, headers or body.
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
