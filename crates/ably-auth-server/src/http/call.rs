//! A request while it is being answered.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use ably_auth_core::{ErrorCode, Identity, KeyName, Timestamp, TokenRequest};
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use http::uri::Scheme;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::credentials;
use super::format::Format;
use super::reply::Reply;
use super::trail::{Notes, Trail};
use crate::authenticate::{Authenticator, Credential, Principal};
use crate::observe;
use crate::refusal::Refusal;
use crate::registry::RunningApp;
use crate::service::Arrival;
use crate::state::State;

pub(super) struct Call<'a> {
    pub(super) state: &'a State,
    pub(super) parts: &'a Parts,
    /// None if it is too large.
    pub(super) body: Option<&'a Bytes>,
    /// The format of the answer.
    pub(super) format: Format,
    /// How the request came, if it came over a socket.
    pub(super) arrival: Option<Arrival>,
    /// Read once, so that all checks of a request speak of the same moment.
    pub(super) now: Timestamp,
    /// By which the client may speak of this request.
    pub(super) request_id: String,
    /// The key that the request is about, for the log: once it is known, and if it is wanted.
    key: Option<OnceLock<KeyName>>,
    /// The app of the sender, after authentication.
    app: OnceLock<Arc<RunningApp>>,
    /// The clientId that the sender acts as, after authentication; set in a sandbox only.
    identity: OnceLock<Identity>,
    /// The audit event of the request, if it is audited.
    trail: Option<Trail<'a>>,
}

impl<'a> Call<'a> {
    pub(super) fn new(state: &'a State, parts: &'a Parts, body: Option<&'a Bytes>, arrival: Option<Arrival>) -> Self {
        let request_id = state.request_ids.id(query(parts, "request_id").as_deref());
        Self {
            state,
            parts,
            trail: Trail::start(state, parts, arrival, &request_id),
            body: body.filter(|body| body.len() <= state.limits.body_bytes),
            format: Format::accepted(&parts.headers),
            arrival,
            now: state.clock.now(),
            request_id,
            key: observe::is_wanted().then(OnceLock::new),
            app: OnceLock::new(),
            identity: OnceLock::new(),
        }
    }

    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        Format::of_body(&self.parts.headers)?.decode(self.body.ok_or_else(|| super::too_large(self.state))?)
    }

    /// Reads the body as a token request.
    pub(super) fn read_token_request(&self) -> Result<TokenRequest, Refusal> {
        let body = self.body.ok_or_else(|| super::too_large(self.state))?;
        Format::of_body(&self.parts.headers)?.decode_token_request(body)
    }

    pub(super) fn reply<T: Serialize + ?Sized>(&self, status: StatusCode, body: &T) -> Result<Reply, Refusal> {
        Reply::new(status, body, self.format)
    }

    /// The query's value of that name, the first if there are several.
    pub(super) fn query(&self, name: &str) -> Option<Cow<'a, str>> {
        query(self.parts, name)
    }

    pub(super) fn header(&self, name: &str) -> Option<&'a str> {
        self.parts.headers.get(name)?.to_str().ok()
    }

    /// Returns the major version of the protocol from `X-Ably-Version`; 0 if that is missing or not a number.
    pub(super) fn version(&self) -> u32 {
        let said = self.header("x-ably-version").unwrap_or_default();
        said.split('.').next().and_then(|major| major.trim().parse().ok()).unwrap_or(0)
    }

    /// Whether nobody on the way could read the request.
    pub(super) fn is_private(&self) -> bool {
        match self.arrival {
            Some(arrival) => arrival.is_private,
            None => self.parts.uri.scheme() == Some(&Scheme::HTTPS),
        }
    }

    /// Whether secrets that do not expire may be shown in it.
    pub(super) fn may_hold_keys(&self) -> bool {
        self.state.sandbox || self.is_private()
    }

    /// What the request shows of its sender, if anything; a key only where it may be shown.
    pub(super) fn credential(&self) -> Result<Option<Credential>, Refusal> {
        let credential = credentials::read(self)?;
        if matches!(credential, Some(Credential::Key(_))) && !self.may_hold_keys() {
            return Err(credentials::key_without_tls());
        }
        Ok(credential)
    }

    /// Who sent the request.
    pub(super) async fn principal(&self) -> Result<Principal, Refusal> {
        let credential = self.credential()?.ok_or_else(credentials::missing)?;
        let claimed = credentials::claimed_identity(self)?;
        let principal = Authenticator(self.state).authenticate(&credential, claimed, self.now).await?;
        self.note_key(principal.key.name());
        self.app.get_or_init(|| Arc::clone(&principal.app));
        if let Some(identity) = principal.identity.as_ref().filter(|_| self.state.sandbox) {
            self.identity.get_or_init(|| identity.clone());
        }
        if principal.is_key_holder() {
            self.note(|notes| notes.actor = Some(principal.key.name().as_str().to_owned()));
        }
        self.state.check_rate_of(principal.key.name())?;
        Ok(principal)
    }

    /// Returns the app of the sender, if the sender has been authenticated.
    pub(super) fn app(&self) -> Option<&Arc<RunningApp>> {
        self.app.get()
    }

    /// Returns the clientId that the sender acts as, if this is a sandbox and the sender has been authenticated.
    pub(super) fn client_id(&self) -> Option<&str> {
        self.identity.get().map(Identity::as_str)
    }

    /// Remembers for the log which key this is about.
    pub(super) fn note_key(&self, name: &KeyName) {
        if let Some(key) = &self.key {
            // Of several, the first is the one that was asked about.
            key.get_or_init(|| name.clone());
        }
    }

    /// Adds fields to the audit event of the request, if the request is audited.
    pub(super) fn note(&self, change: impl FnOnce(&mut Notes)) {
        if let Some(trail) = &self.trail {
            trail.note(change);
        }
    }

    /// Emits the audit event, if the request is audited. Returns the request id and the key name.
    pub(super) fn finish(self, code: Option<ErrorCode>) -> (String, Option<KeyName>) {
        if let Some(trail) = self.trail {
            trail.finish(code);
        }
        (self.request_id, self.key.and_then(OnceLock::into_inner))
    }
}

fn query<'a>(parts: &'a Parts, name: &str) -> Option<Cow<'a, str>> {
    let query = parts.uri.query()?;
    form_urlencoded::parse(query.as_bytes()).find(|(known, _)| known == name).map(|(_, value)| value)
}
