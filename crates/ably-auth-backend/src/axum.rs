//! The traits of axum for the types of this crate.

use std::convert::Infallible;

use axum_core::body::Body;
use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use bytes::Bytes;
use http::request::Parts;

use crate::{AskedParams, Authenticated, Identified, Refusal};

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        http::Response::<Bytes>::from(self).map(Body::from)
    }
}

/// Returns the result of an authentication layer, which it has put into the request's extensions. A route without the
/// layer refuses every request.
fn sender(parts: &Parts) -> Result<Option<&Authenticated>, Refusal> {
    let missing = "the route has no `Authenticate` layer; on the server, add one around it";
    let sender = parts.extensions.get::<Option<Authenticated>>();
    sender.map(Option::as_ref).ok_or_else(|| Refusal::internal(missing))
}

impl<S: Sync> FromRequestParts<S> for Authenticated {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        sender(parts)?.cloned().ok_or_else(Refusal::missing_credential)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Authenticated {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Refusal> {
        sender(parts).map(Option::<&Self>::cloned)
    }
}

impl<S: Sync> FromRequestParts<S> for Identified {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        Self::new(<Authenticated as FromRequestParts<S>>::from_request_parts(parts, state).await?)
    }
}

/// In a route that is not an auth URL, there are no params.
impl<S: Sync> FromRequestParts<S> for AskedParams {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}
