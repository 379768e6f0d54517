//! The exchange that gets a token with a key: it signs a token request and exchanges it.

use std::sync::Arc;

use ably_auth_core::{ErrorCode, TokenDetails, TokenParams};
use bytes::Bytes;
use http::Response;

use super::{Exchange, RequestToken, ServerTime, Step};
use crate::error::Error;
use crate::hosts::Endpoint;
use crate::key_signer::KeySigner;
use crate::transport::TransportFault;

/// An exchange that signs a token request and exchanges it for a token (`RSA8`).
///
/// If the signer has [`query_time`](KeySigner::query_time) set and the service's time is not known, it is
/// requested first (`RSA10k`). If a request is refused for its timestamp (40104), the local clock is wrong. Then the
/// service's time is requested and stored, and the request is signed again, once.
///
/// If a request is refused as a replay (40105), one host has exchanged it, its response was lost, and the next host
/// refused the same request. No client received that token, so a request with a new nonce is signed, once.
///
/// ```
/// use std::sync::Arc;
///
/// use ably_auth::exchange::{Exchange as _, IssueToken, Step};
/// use ably_auth::sources::KeySigner;
/// use ably_auth::{ApiKey, Endpoint, TokenParams};
///
/// let signer = Arc::new(KeySigner::new(ApiKey::parse("app.key:secret")?));
/// let mut exchange = IssueToken::new(signer, Endpoint::default(), TokenParams::new().client_id("bob"));
/// let Step::Send(request) = exchange.start() else { panic!("expected a request") };
/// assert_eq!(request.uri(), "https://main.realtime.ably.net/keys/app.key/requestToken");
/// # Ok::<(), ably_auth::Error>(())
/// ```
#[derive(Debug)]
pub struct IssueToken {
    signer: Arc<KeySigner>,
    endpoint: Endpoint,
    params: TokenParams,
    stage: Stage,
    refused: Option<Error>,
    has_retried_replay: bool,
}

#[derive(Debug)]
enum Stage {
    Start,
    Time(ServerTime),
    Token(RequestToken),
}

impl IssueToken {
    /// Creates the exchange for a token with `params`, with the service at `endpoint`.
    #[must_use]
    pub const fn new(signer: Arc<KeySigner>, endpoint: Endpoint, params: TokenParams) -> Self {
        Self { signer, endpoint, params, stage: Stage::Start, refused: None, has_retried_replay: false }
    }

    fn ask_time(&mut self) -> Step<TokenDetails> {
        let mut exchange = ServerTime::new(&self.endpoint);
        match exchange.start() {
            Step::Send(request) => {
                self.stage = Stage::Time(exchange);
                Step::Send(request)
            }
            Step::Done(Ok(_)) => self.sign(),
            Step::Done(Err(error)) => Step::Done(Err(error)),
        }
    }

    fn sign(&mut self) -> Step<TokenDetails> {
        let mut exchange = match self.signer.create_token_request(&self.params) {
            Ok(request) => RequestToken::new(&self.endpoint, &request),
            Err(error) => return Step::Done(Err(error)),
        };
        let step = exchange.start();
        self.stage = Stage::Token(exchange);
        step
    }

    /// Returns true if a request with a new nonce may succeed. A nonce that the caller chose is not replaced.
    fn can_retry_with_new_nonce(&self, error: &Error) -> bool {
        error.is_replay() && !self.has_retried_replay && self.params.get_nonce().is_none()
    }

    /// Returns true if a request with the service's time may succeed. A timestamp or nonce that the caller chose is not
    /// replaced.
    fn can_retry_with_service_time(&self, error: &Error) -> bool {
        error.ably_code() == ErrorCode::TIMESTAMP_NOT_CURRENT
            && self.refused.is_none()
            && self.params.get_timestamp().is_none()
            && self.params.get_nonce().is_none()
    }
}

impl Exchange for IssueToken {
    type Output = TokenDetails;

    fn start(&mut self) -> Step<TokenDetails> {
        if self.signer.needs_service_time() { self.ask_time() } else { self.sign() }
    }

    fn answered(&mut self, answer: Result<Response<Bytes>, TransportFault>) -> Step<TokenDetails> {
        match &mut self.stage {
            Stage::Start => super::misused(),
            Stage::Time(exchange) => match exchange.answered(answer) {
                Step::Send(request) => Step::Send(request),
                Step::Done(Ok(time)) => {
                    self.signer.set_service_time(time);
                    self.sign()
                }
                Step::Done(Err(error)) => Step::Done(Err(self.refused.take().unwrap_or(error))),
            },
            Stage::Token(exchange) => match exchange.answered(answer) {
                Step::Done(Err(error)) if self.can_retry_with_service_time(&error) => {
                    self.refused = Some(error);
                    self.ask_time()
                }
                Step::Done(Err(error)) if self.can_retry_with_new_nonce(&error) => {
                    self.has_retried_replay = true;
                    self.sign()
                }
                step => step,
            },
        }
    }
}
