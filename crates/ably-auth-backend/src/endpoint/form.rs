//! The forms in which an auth URL answers (`RSA8c`).

use ably_auth_core::Timestamp;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};

use super::grant::Grant;
use super::issuer::Issuer;
use crate::refusal::{JSON, Refusal};

const JWT: HeaderValue = HeaderValue::from_static("application/jwt");

#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    Jwt,
    TokenRequest,
    TokenDetails,
}

impl Form {
    pub(super) fn write(self, issuer: &Issuer, grant: &Grant, now: Timestamp) -> Result<Response<Bytes>, Refusal> {
        let capability = grant.capability().to_string();
        let (content_type, body) = match self {
            Self::Jwt => (JWT, issuer.jwt(grant, &capability, now)?),
            Self::TokenRequest => (JSON, issuer.token_request(grant, &capability, now)?),
            Self::TokenDetails => (JSON, issuer.token_details(grant, &capability, now)?),
        };
        let mut response = Response::new(body);
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        Ok(response)
    }
}
