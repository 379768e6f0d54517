//! The exchange that revokes tokens.

use ably_auth_core::{ApiKey, BatchResult, RevokeTokensRequest, TokenRevocationResult};
use bytes::Bytes;
use http::{Method, Request, Response};

use super::sent_secrets::SentSecrets;
use super::{Authorization, Exchange, Step, answer, outgoing};
use crate::error::Error;
use crate::hosts::Endpoint;
use crate::transport::TransportFault;

/// The revocation of tokens that a key has issued (`RSA17`). It is authenticated with that key.
///
/// The request contains the key. [`Auth`](crate::Auth) sends it over TLS only; do the same if you send it yourself.
///
/// ```
/// use ably_auth::exchange::{Exchange as _, RevokeTokens, Step};
/// use ably_auth::{ApiKey, Endpoint, RevokeTokensRequest, TokenRevocationTargetSpecifier as Target};
///
/// let key = ApiKey::parse("app.key:secret")?;
/// let of_bob = RevokeTokensRequest::new([Target::client_id("bob")]);
/// let Step::Send(request) = RevokeTokens::new(&Endpoint::default(), &key, &of_bob).start() else {
///     panic!("expected a request")
/// };
/// assert_eq!(request.uri(), "https://main.realtime.ably.net/keys/app.key/revokeTokens");
/// # Ok::<(), ably_auth::Error>(())
/// ```
#[derive(Debug)]
pub struct RevokeTokens {
    request: Option<Result<Request<Bytes>, Error>>,
    sent: SentSecrets,
}

impl RevokeTokens {
    /// Creates the revocation of the tokens that `request` specifies, of those that `key` has issued.
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
        super::start_once(&mut self.request)
    }

    fn answered(&mut self, answer: Result<Response<Bytes>, TransportFault>) -> Step<Self::Output> {
        let batch =
            answer.map_err(Error::from).and_then(|answer| answer::read(&answer, "a batch of revocations", &self.sent));
        Step::Done(batch.map(|batch| without_secrets(batch, &self.sent)))
    }
}

/// Removes the sent credentials from the errors of single targets.
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
