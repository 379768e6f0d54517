//! Revoking tokens.

use ably_auth_core::{ApiKey, BatchResult, RevokeTokensRequest, TokenRevocationResult};
use bytes::Bytes;
use http::{Method, Request, Response};

use super::sent_secrets::SentSecrets;
use super::{Authorization, Exchange, Step, answer, outgoing};
use crate::error::Error;
use crate::hosts::Endpoint;
use crate::transport::TransportFault;

/// Revokes tokens that a key has issued (`RSA17`), with that key itself.
///
/// The request carries the key: [`Auth`](crate::Auth) sends it over TLS only, and so should whoever steps this by hand.
#[derive(Debug)]
pub struct RevokeTokens {
    request: Option<Result<Request<Bytes>, Error>>,
    sent: SentSecrets,
}

impl RevokeTokens {
    /// Revokes, at `endpoint`, what `request` names of the tokens that `key` has issued.
    #[must_use]
    pub fn new(endpoint: &Endpoint, key: &ApiKey, request: &RevokeTokensRequest) -> Self {
        let outgoing = || {
            let uri = endpoint.uri(&format!("/keys/{}/revokeTokens", key.key_name()))?;
            let mut outgoing = outgoing::request(Method::POST, uri, outgoing::json(request)?);
            outgoing::authorize(&mut outgoing, &Authorization::basic(key));
            Ok(outgoing)
        };
        let request = outgoing();
        let sent = request.as_ref().map(|request| SentSecrets::of_headers(request.headers())).unwrap_or_default();
        Self { request: Some(request), sent }
    }
}

impl Exchange for RevokeTokens {
    type Output = BatchResult<TokenRevocationResult>;

    fn start(&mut self) -> Step<Self::Output> {
        super::first(&mut self.request)
    }

    fn answered(&mut self, answer: Result<Response<Bytes>, TransportFault>) -> Step<Self::Output> {
        let batch =
            answer.map_err(Error::from).and_then(|answer| answer::read(&answer, "a batch of revocations", &self.sent));
        Step::Done(batch.map(|batch| without_secrets(batch, &self.sent)))
    }
}

/// Removes what was sent as a credential from the errors of single targets.
fn without_secrets(
    mut batch: BatchResult<TokenRevocationResult>,
    sent: &SentSecrets,
) -> BatchResult<TokenRevocationResult> {
    for result in &mut batch.results {
        if let TokenRevocationResult::Failure(failed) = result {
            failed.error = sent.redact(failed.error.clone());
        }
    }
    batch
}
