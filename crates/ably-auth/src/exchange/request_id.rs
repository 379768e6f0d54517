//! Ids of requests, by which the service finds them in its logs.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{Request, Uri};

use crate::error::Error;
use crate::random::Random;

const NAME: &str = "request_id=";

/// The id of a request (`RSC7c`).
#[derive(Clone)]
pub(crate) struct RequestId(Arc<str>);

impl RequestId {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The id that a request has in its query.
    pub(crate) fn of(uri: &Uri) -> Option<Self> {
        let id = uri.query()?.split('&').find_map(|pair| pair.strip_prefix(NAME))?;
        Some(Self(id.into()))
    }

    /// Gives a request an id, if it has none.
    pub(crate) fn add(request: &mut Request<Bytes>, random: &dyn Random) -> Result<(), Error> {
        if Self::of(request.uri()).is_some() {
            return Ok(());
        }
        let id = URL_SAFE_NO_PAD.encode(random.bytes()?);
        let mut parts = request.uri().clone().into_parts();
        let path = parts.path_and_query.as_ref().map_or("/", PathAndQuery::as_str);
        let joint = if path.contains('?') { '&' } else { '?' };
        let no_room = |_| Error::configuration("a request's query has no room for a request_id; shorten it");
        parts.path_and_query = Some(format!("{path}{joint}{NAME}{id}").parse().map_err(no_room)?);
        *request.uri_mut() =
            Uri::from_parts(parts).map_err(|_| Error::configuration("a request's URI is not absolute"))?;
        Ok(())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
