//! A request while it is being answered.

use std::borrow::Cow;
use std::net::SocketAddr;

use ably_auth_core::Timestamp;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::credentials;
use super::format::Format;
use super::reply::Reply;
use crate::authenticate::{Authenticator, Credential, Principal};
use crate::refusal::Refusal;
use crate::service::State;

pub(super) struct Call<'a> {
    pub(super) state: &'a State,
    pub(super) parts: &'a Parts,
    pub(super) body: &'a Bytes,
    /// The format of the answer.
    pub(super) format: Format,
    /// The address on which the request came, if it came over a socket.
    pub(super) local: Option<SocketAddr>,
    /// Read once, so that all checks of a request speak of the same moment.
    pub(super) now: Timestamp,
}

impl<'a> Call<'a> {
    pub(super) fn new(
        state: &'a State,
        parts: &'a Parts,
        body: &'a Bytes,
        format: Format,
        local: Option<SocketAddr>,
    ) -> Self {
        Self { state, parts, body, format, local, now: state.clock.now() }
    }

    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        Format::of_body(&self.parts.headers)?.decode(self.body)
    }

    pub(super) fn reply<T: Serialize + ?Sized>(&self, status: StatusCode, body: &T) -> Result<Reply, Refusal> {
        Reply::new(status, body, self.format)
    }

    /// The query's value of that name, the first if there are several.
    pub(super) fn query(&self, name: &str) -> Option<Cow<'a, str>> {
        let query = self.parts.uri.query().unwrap_or_default();
        form_urlencoded::parse(query.as_bytes()).find(|(known, _)| known == name).map(|(_, value)| value)
    }

    pub(super) fn header(&self, name: &str) -> Option<&'a str> {
        self.parts.headers.get(name)?.to_str().ok()
    }

    /// What the request shows of its sender, if anything; a key only where it may be shown.
    pub(super) fn credential(&self) -> Result<Option<Credential>, Refusal> {
        let credential = credentials::read(self)?;
        if matches!(credential, Some(Credential::Key(_))) && !self.state.sandbox {
            return Err(credentials::key_without_tls());
        }
        Ok(credential)
    }

    /// Who sent the request.
    pub(super) fn principal(&self) -> Result<Principal, Refusal> {
        let credential = self.credential()?.ok_or_else(credentials::missing)?;
        let claimed = credentials::claimed_identity(self)?;
        let authenticator = Authenticator { registry: &self.state.registry, store: &self.state.store };
        authenticator.authenticate(&credential, claimed, self.now)
    }
}
