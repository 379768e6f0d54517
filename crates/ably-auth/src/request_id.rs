//! The id of a request.

use std::fmt;
use std::sync::Arc;

use http::Uri;

/// The id of a request, with which the request can be found in the service's logs (`RSC7c`).
#[derive(Clone)]
pub(crate) struct RequestId(Arc<str>);

impl RequestId {
    /// The query parameter that carries the id, with its `=`.
    pub(crate) const PARAM: &str = "request_id=";

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the id in the query of `uri`.
    pub(crate) fn of(uri: &Uri) -> Option<Self> {
        let id = uri.query()?.split('&').find_map(|pair| pair.strip_prefix(Self::PARAM))?;
        Some(Self(id.into()))
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
