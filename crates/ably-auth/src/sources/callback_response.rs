//! Responses of auth callbacks and auth URLs.

use std::sync::{Mutex, PoisonError};

use ably_auth_core::{TokenDetails, TokenParams, TokenRequest};

use crate::callback_answer::AuthCallbackAnswer;
use crate::error::Error;
use crate::exchange::RequestToken;
use crate::hosts::Endpoint;
use crate::token_text;

/// The maximum bytes of a token from a callback or URL: 128 KiB (`RSA4f`).
const MAX_TOKEN_BYTES: usize = 128 * 1024;

/// A handler of the responses of one callback or URL. A token is used as it is. A token request is exchanged, but
/// the same request not twice in a row.
#[derive(Debug)]
pub(super) struct CallbackResponse {
    source_name: &'static str,
    refuse: fn(String) -> Error,
    endpoint: Endpoint,
    last_exchanged: Mutex<Option<TokenRequest>>,
}

/// The next step after a response.
pub(super) enum NextStep {
    Token(TokenDetails),
    Exchange(RequestToken),
}

/// The limit on new token requests after a replay (40105), while one token is fetched.
///
/// A new token request is refused as a replay if one host exchanged it, its response was lost, and the request was sent
/// to the next host. No client received that token, so the callback or URL is asked for another request, once.
#[derive(Debug)]
pub(super) struct ReplayRetry {
    may_retry: bool,
}

impl ReplayRetry {
    /// Allows one more request, unless the caller chose the nonce. Then the next request would have the same nonce.
    pub(super) const fn of(params: &TokenParams) -> Self {
        Self { may_retry: params.get_nonce().is_none() }
    }

    pub(super) fn should_retry(&mut self, outcome: &Result<TokenDetails, Error>) -> bool {
        let is_replay = outcome.as_ref().is_err_and(Error::is_replay);
        is_replay && std::mem::take(&mut self.may_retry)
    }
}

impl CallbackResponse {
    pub(super) fn of_callback(endpoint: Endpoint) -> Self {
        let refuse = |text| Error::auth_callback_answer(text);
        Self { source_name: "auth callback", refuse, endpoint, last_exchanged: Mutex::new(None) }
    }

    pub(super) fn of_url(endpoint: Endpoint) -> Self {
        Self {
            source_name: "auth URL",
            refuse: |text| Error::auth_url(text),
            endpoint,
            last_exchanged: Mutex::new(None),
        }
    }

    pub(super) fn next_step(&self, answer: AuthCallbackAnswer) -> Result<NextStep, Error> {
        let details = match answer {
            AuthCallbackAnswer::Token(token) => TokenDetails::from(token),
            AuthCallbackAnswer::TokenDetails(details) => details,
            AuthCallbackAnswer::TokenRequest(request) => return self.exchange(request),
        };
        if details.token().expose().len() > MAX_TOKEN_BYTES {
            return Err((self.refuse)(format!(
                "invalid token: the {} gave a token larger than 128 KiB; check its response",
                self.source_name
            )));
        }
        if let Some(problem) = token_text::problem(details.token()) {
            return Err((self.refuse)(format!("invalid token: the response of the {} {problem}", self.source_name)));
        }
        Ok(NextStep::Token(details))
    }

    /// Creates the exchange of `request`, unless it is the same request as the last one.
    ///
    /// The service would refuse it as a replay (40105). That error looks like an attack, but the cause is a mistake in
    /// the callback or URL.
    fn exchange(&self, request: TokenRequest) -> Result<NextStep, Error> {
        let mut last = self.last_exchanged.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref() == Some(&request) {
            return Err((self.refuse)(format!(
                "the {} gave the same token request again, with the same nonce; sign a new one for each call, and do \
                 not cache the response",
                self.source_name
            )));
        }
        let exchange = RequestToken::new(&self.endpoint, &request);
        *last = Some(request);
        Ok(NextStep::Exchange(exchange))
    }
}
