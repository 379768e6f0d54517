//! The facts about a request for the log of the console, gathered while the request is processed.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ably_auth_core::{ErrorCode, TokenDetails, TokenRequest, VerifiedTokenRequest};
use http::Method;
use http::request::Parts;
use serde_json::value::{RawValue, to_raw_value};

use super::console_path;
use crate::apps::Key;
use crate::journal::row::{CredentialFacts, IssuedFacts};
use crate::policy::authenticate::Principal;
use crate::refusal::Refusal;
use crate::state::State;
use crate::story::limited;

/// The maximum length of a nonce whose first use can be found, in bytes.
pub(super) const MAX_NONCE: usize = 256;

/// The facts about a request that is being processed. It stays empty if nothing is recorded.
pub(super) struct Observations {
    /// The time of the service's stopwatch at which the request arrived; `None` if nothing is recorded.
    pub(super) started: Option<Duration>,
    /// True if the request is recorded although it is granted.
    pub(super) is_admitted: bool,
    /// The key and the [`CredentialFacts`] of the sender.
    pub(super) sender: OnceLock<(Arc<Key>, Box<RawValue>)>,
    pub(super) issued: OnceLock<Issued>,
    pub(super) refusal: OnceLock<(ErrorCode, Box<str>)>,
}

/// The token that a request got.
pub(super) struct Issued {
    /// The [`IssuedFacts`].
    pub(super) facts: Box<RawValue>,
    pub(super) client_id: Option<Box<str>>,
    /// The nonce that was used.
    pub(super) nonce: Option<Box<str>>,
}

impl Observations {
    /// Starts to observe a request, except one of the console itself, and one that only asks what is allowed.
    pub(super) fn new(state: &State, parts: &Parts) -> Self {
        let is_recorded = parts.method != Method::OPTIONS && !console_path::has_path(parts.uri.path());
        let journal = state.journal.as_ref().filter(|_| is_recorded);
        Self {
            started: journal.map(|_| state.stopwatch.elapsed()),
            is_admitted: journal.is_some_and(|journal| journal.admission.admits_granted()),
            sender: OnceLock::new(),
            issued: OnceLock::new(),
            refusal: OnceLock::new(),
        }
    }

    pub(super) fn note_sender(&self, principal: &Principal) {
        if self.started.is_some() {
            if let Ok(facts) = to_raw_value(&CredentialFacts::of(principal)) {
                self.sender.get_or_init(|| (Arc::clone(&principal.key), facts));
            }
        }
    }

    pub(super) fn note_issued(&self, request: &TokenRequest, details: &TokenDetails) {
        let token = if self.is_admitted { CredentialFacts::of_details(details) } else { None };
        let Some(token) = token else { return };
        let request = request.trust_key_holder(&token.key).ok();
        let asked = request.as_ref().and_then(VerifiedTokenRequest::capability_text).map(limited);
        let nonce = request.as_ref().and_then(VerifiedTokenRequest::nonce).filter(|nonce| nonce.len() <= MAX_NONCE);
        let nonce = nonce.map(Into::into);
        let client_id = token.client_id.as_deref().map(Into::into);
        if let Ok(facts) = to_raw_value(&IssuedFacts { asked, token }) {
            self.issued.get_or_init(|| Issued { facts, client_id, nonce });
        }
    }

    pub(super) fn note_refusal(&self, refusal: &Refusal) {
        if self.started.is_some() {
            self.refusal.get_or_init(|| (refusal.info().code(), refusal.info().message().into()));
        }
    }
}
