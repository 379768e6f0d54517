//! Gives requests an id.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{Request, Uri};

use crate::error::Error;
use crate::random::Random;
use crate::request_id::RequestId;

/// Adds a random id to the query of `request`, unless it has one (`RSC7c`).
pub(crate) fn add_request_id(request: &mut Request<Bytes>, random: &dyn Random) -> Result<(), Error> {
    if RequestId::of(request.uri()).is_some() {
        return Ok(());
    }
    let (param, id) = (RequestId::PARAM, URL_SAFE_NO_PAD.encode(random.bytes()?));
    let mut parts = request.uri().clone().into_parts();
    let path = parts.path_and_query.as_ref().map_or("/", PathAndQuery::as_str);
    let joint = if path.contains('?') { '&' } else { '?' };
    let no_room =
        |_| Error::configuration("invalid request URI: the query is too long to add a `request_id`; shorten it");
    parts.path_and_query = Some(format!("{path}{joint}{param}{id}").parse().map_err(no_room)?);
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| {
        Error::configuration("invalid request URI: it is not absolute; give a URI with scheme and host")
    })?;
    Ok(())
}
