//! A request that is being processed.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, OnceLock};

use ably_auth_backend::credentials::{self, Accepted, Credential};
use ably_auth_core::{ErrorCode, Identity, KeyName, Timestamp, TokenRequest};
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use http::uri::Scheme;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::arrival::Arrival;
#[cfg(feature = "console")]
use super::console_path::{self, Mode};
#[cfg(feature = "sandbox")]
use super::delivery::Delivery;
use super::format::Format;
#[cfg(feature = "console")]
use super::observations::Observations;
use super::reply::Reply;
use super::request_log;
use super::route::query;
use super::trail::{Notes, Trail};
use crate::journal::checks::{Check, Checks};
use crate::limits::budget::{Budget, Permit};
use crate::policy::authenticate::{Authenticator, Principal};
use crate::refusal::Refusal;
use crate::state::State;
use crate::state::registry::RunningApp;
use crate::sync::lock;

pub(super) struct Call<'a> {
    pub(super) state: &'a State,
    pub(super) parts: &'a Parts,
    /// `None` if the body is too large.
    pub(super) body: Option<&'a Bytes>,
    /// The format of the answer.
    pub(super) format: Format,
    /// Where the request came from; `None` if it did not come over a socket.
    pub(super) arrival: Option<Arrival>,
    /// The time of the request, which is read once so that all checks use the same time.
    pub(super) now: Timestamp,
    /// The id of the request, which the response contains.
    pub(super) request_id: String,
    /// The key that the request is about, once it is known; `None` if no subscriber takes the log event.
    key: Option<OnceLock<KeyName>>,
    /// The app of the sender, after authentication.
    app: OnceLock<Arc<RunningApp>>,
    /// The clientId that the sender acts as, after authentication; set in a sandbox only.
    identity: OnceLock<Identity>,
    /// The checks of the request.
    pub(super) checks: Checks,
    /// The facts for the log of the console.
    #[cfg(feature = "console")]
    pub(super) observations: Observations,
    /// The audit event of the request, if it is audited.
    trail: Option<Trail<'a>>,
    /// The mode of the console that answers the request; `None` for any other request.
    #[cfg(feature = "console")]
    pub(super) console: Option<Mode>,
    /// The memory reserved for the answer.
    answer: Mutex<Option<Permit>>,
    /// The delivery of the answer, if it is not simply written.
    #[cfg(feature = "sandbox")]
    delivery: Mutex<Option<Delivery>>,
}

/// The size, in bytes, of the largest response body that does not count as in flight.
const SMALL_ANSWER: usize = 4 * 1024;

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
            key: request_log::is_wanted().then(OnceLock::new),
            app: OnceLock::new(),
            identity: OnceLock::new(),
            checks: Checks::default(),
            #[cfg(feature = "console")]
            observations: Observations::new(state, parts),
            #[cfg(feature = "console")]
            console: console_path::is_served(state, parts).then_some(Mode::Sandbox),
            answer: Mutex::default(),
            #[cfg(feature = "sandbox")]
            delivery: Mutex::default(),
        }
    }

    /// Starts to answer a request to the console on the admin address.
    #[cfg(feature = "console")]
    pub(super) fn new_admin(state: &'a State, parts: &'a Parts, body: Option<&'a Bytes>, arrival: Arrival) -> Self {
        let mut call = Self::new(state, parts, body, Some(arrival));
        call.console = Some(Mode::Admin);
        // In a sandbox that serves a console itself, the request is audited already.
        if call.trail.is_none() {
            call.trail = Trail::start_console(state, parts, arrival, &call.request_id);
        }
        call
    }

    /// Returns the body, or refuses a request whose body is too large.
    pub(super) fn body(&self) -> Result<&'a Bytes, Refusal> {
        self.body.ok_or_else(|| {
            let limit = self.state.limits.body_bytes;
            let message = format!("invalid body: it is longer than {limit} bytes; send less in one request");
            Refusal::new(ErrorCode::BODY_TOO_LARGE, message)
        })
    }

    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        Format::of_body(&self.parts.headers)?.decode(self.body()?)
    }

    /// Reads the body as a token request.
    pub(super) fn read_token_request(&self) -> Result<TokenRequest, Refusal> {
        Format::of_body(&self.parts.headers)?.decode_token_request(self.body()?)
    }

    pub(super) fn reply<T: Serialize + ?Sized>(&self, status: StatusCode, body: &T) -> Result<Reply, Refusal> {
        Reply::new(status, body, self.format)
    }

    /// Returns the first value of that name in the query.
    pub(super) fn query(&self, name: &str) -> Option<Cow<'a, str>> {
        query(self.parts, name)
    }

    pub(super) fn header(&self, name: &str) -> Option<&'a str> {
        self.parts.headers.get(name)?.to_str().ok()
    }

    /// Returns the major version of the protocol from `X-Ably-Version`; 0 if that is missing or not a number.
    pub(super) fn version(&self) -> u32 {
        let version = self.header("x-ably-version").unwrap_or_default();
        version.split('.').next().and_then(|major| major.trim().parse().ok()).unwrap_or(0)
    }

    /// Returns true if the request came over TLS.
    pub(super) fn is_tls(&self) -> bool {
        match self.arrival {
            Some(arrival) => arrival.is_tls,
            None => self.parts.uri.scheme() == Some(&Scheme::HTTPS),
        }
    }

    /// Returns true if the request may contain keys and control tokens. They do not expire, so they need TLS or a
    /// sandbox.
    pub(super) fn may_hold_keys(&self) -> bool {
        self.state.sandbox || self.is_tls()
    }

    /// Returns the credential of the request, if it has one. The header takes precedence over the query. Refuses a key
    /// that was sent without TLS, except in a sandbox.
    pub(super) fn credential(&self) -> Result<Option<Credential>, Refusal> {
        let credential = match credentials::from_headers(&self.parts.headers, Accepted::TokensAndKeys)? {
            None => credentials::from_query(&self.parts.uri, Accepted::TokensAndKeys)?,
            credential => credential,
        };
        if matches!(credential, Some(Credential::Key(_))) && !self.may_hold_keys() {
            return Err(Refusal::key_without_tls());
        }
        Ok(credential)
    }

    /// Authenticates the sender, and counts the request for the rate limit of the key.
    pub(super) async fn principal(&self) -> Result<Principal, Refusal> {
        let present = |found: Option<_>| found.ok_or_else(|| ably_auth_backend::Refusal::missing_credential().into());
        let credential = self.checks.record(Check::Credential, self.credential().and_then(present))?;
        let claimed = credentials::claimed_identity(&self.parts.headers);
        let claimed = claimed.or_else(|refusal| self.checks.record(Check::Identity, Err(refusal)))?;
        let principal = Authenticator { state: self.state, checks: &self.checks }
            .authenticate(&credential, claimed, self.now)
            .await?;
        self.note_key(principal.key.name());
        self.app.get_or_init(|| Arc::clone(&principal.app));
        #[cfg(feature = "console")]
        self.observations.note_sender(&principal);
        if let Some(identity) = principal.identity.as_ref().filter(|_| self.state.sandbox) {
            self.identity.get_or_init(|| identity.clone());
        }
        if principal.is_key_holder() {
            self.note(|notes| notes.actor = Some(principal.key.name().as_str().to_owned()));
        }
        self.checks.record(Check::Rate, self.state.check_rate_of(principal.key.name()))?;
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

    /// Records the key that the request is about, for the log.
    pub(super) fn note_key(&self, name: &KeyName) {
        if let Some(key) = &self.key {
            // Keep the first: for `requestToken` it is the key in the path, and a later one is the key of the sender.
            key.get_or_init(|| name.clone());
        }
    }

    /// Adds fields to the audit event of the request, if the request is audited.
    pub(super) fn note(&self, change: impl FnOnce(&mut Notes)) {
        if let Some(trail) = &self.trail {
            trail.note(change);
        }
    }

    /// Reserves memory for an answer of at most `bytes` bytes, or refuses the request. Call this before each change:
    /// once a change is made, its answer must not be refused, and an answer without a reservation may be.
    pub(super) fn reserve_answer(&self, bytes: usize) -> Result<(), Refusal> {
        let permit = if bytes > SMALL_ANSWER {
            // An estimate above a limit would never be admitted.
            let bytes = self.answer_budgets().map(|budget| budget.most()).fold(bytes, usize::min);
            Permit::take(bytes, self.answer_budgets()).ok_or_else(too_many_answers)?
        } else {
            Permit::take_beyond_limit(0, self.answer_budgets())
        };
        *lock(&self.answer) = Some(permit);
        Ok(())
    }

    /// Returns an upper bound of the size, in bytes, of an answer that repeats parts of the body.
    pub(super) fn max_echo_size(&self) -> usize {
        /// The most bytes of JSON for one byte of a body: a control character, escaped.
        const MAX_BYTES_OF_JSON: usize = 6;
        self.body.map_or(0, |body| body.len().saturating_mul(MAX_BYTES_OF_JSON))
    }

    /// Counts a large answer as in flight. Refuses it if too many bytes are in flight already and no memory was
    /// reserved.
    pub(super) fn admit_answer(&self, reply: Reply) -> Result<Reply, Refusal> {
        let reserved = lock(&self.answer).take();
        let bytes = reply.size();
        if bytes <= SMALL_ANSWER {
            return Ok(reply);
        }
        let permit = match reserved {
            Some(mut permit) => {
                permit.resize(bytes);
                Some(permit)
            }
            None => Permit::take(bytes, self.answer_budgets()),
        };
        permit.map(|permit| reply.with_permit(permit)).ok_or_else(too_many_answers)
    }

    /// Sets how the answer is delivered.
    #[cfg(feature = "sandbox")]
    pub(super) fn deliver(&self, delivery: Delivery) {
        *lock(&self.delivery) = Some(delivery);
    }

    /// Takes the delivery of the answer, if it is not simply written.
    #[cfg(feature = "sandbox")]
    pub(super) fn delivery(&self) -> Option<Delivery> {
        lock(&self.delivery).take()
    }

    fn answer_budgets(&self) -> impl Iterator<Item = &Arc<Budget>> {
        [&self.state.answers].into_iter().chain(self.app().map(|app| &app.memory.answers))
    }

    /// Emits the audit event, if the request is audited. Returns the request id and the key name.
    pub(super) fn finish(self, code: Option<ErrorCode>) -> (String, Option<KeyName>) {
        if let Some(trail) = self.trail {
            trail.finish(code);
        }
        (self.request_id, self.key.and_then(OnceLock::into_inner))
    }
}

fn too_many_answers() -> Refusal {
    Refusal::overloaded("bytes of unread answers")
}
