//! The exchange of a token request for a token.

use std::fmt;

use ably_auth_core::{TokenDetails, TokenRequest};
use bytes::Bytes;
use http::{Method, Request, Response};

use super::sent_secrets::SentSecrets;
use super::{Exchange, Step, answer, outgoing};
use crate::error::Error;
use crate::hosts::Endpoint;
use crate::transport::TransportFault;

/// The exchange of a signed token request for a token (`RSA8`). It needs no other credentials.
///
/// ```
/// use ably_auth::exchange::{Exchange as _, RequestToken, Step};
/// use ably_auth::sources::KeySigner;
/// use ably_auth::{ApiKey, Endpoint, TokenParams};
///
/// let signer = KeySigner::new(ApiKey::parse("app.key:secret")?);
/// let signed = signer.create_token_request(&TokenParams::new().client_id("bob"))?;
/// let Step::Send(request) = RequestToken::new(&Endpoint::default(), &signed).start() else {
///     panic!("expected a request")
/// };
/// assert_eq!(request.uri(), "https://main.realtime.ably.net/keys/app.key/requestToken");
/// # Ok::<(), ably_auth::Error>(())
/// ```
pub struct RequestToken {
    request: Option<Result<Request<Bytes>, Error>>,
    sent: SentSecrets,
}

impl RequestToken {
    /// Creates the exchange of `token_request`, which any key holder may have signed, at `endpoint`.
    #[must_use]
    pub fn new(endpoint: &Endpoint, token_request: &TokenRequest) -> Self {
        let request = || {
            let key_name = ably_auth_core::KeyName::parse(token_request.key_name())?;
            let uri = endpoint.uri(&format!("/keys/{key_name}/requestToken"))?;
            Ok(outgoing::request(Method::POST, uri, outgoing::json(token_request)?))
        };
        Self { request: Some(request()), sent: SentSecrets::of_token_request(token_request) }
    }
}

impl Exchange for RequestToken {
    type Output = TokenDetails;

    fn start(&mut self) -> Step<TokenDetails> {
        super::start_once(&mut self.request)
    }

    fn answered(&mut self, answer: Result<Response<Bytes>, TransportFault>) -> Step<TokenDetails> {
        Step::Done(answer.map_err(Error::from).and_then(|answer| answer::read(&answer, "token details", &self.sent)))
    }
}

impl fmt::Debug for RequestToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestToken").finish_non_exhaustive()
    }
}
