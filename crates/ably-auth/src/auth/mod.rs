//! A client's authentication, over any transport.

mod asynchronous;
mod blocking;
pub(crate) mod identity;

pub use asynchronous::Auth;
pub use blocking::BlockingAuth;

use std::sync::atomic::{AtomicBool, Ordering};

use ably_auth_core::{ApiKey, ClientId, ErrorCode, RevokeTokensRequest, TokenDetails, TokenParams, TokenRequest};
use bytes::Bytes;
use http::Request;

use crate::error::Error;
use crate::exchange::{AuthenticatedCall, RequestId, RevokeTokens};
use crate::fallback_transport::FallbackTransport;
use crate::options::{ClientOptions, Mode};
use crate::sources::KeySource;

/// The part of a client's authentication that sends nothing.
struct Plan<M: Mode> {
    options: ClientOptions<M>,
    /// Set from the start, or by the first `authorize` (`RSA10a`).
    token_auth: AtomicBool,
}

impl<M: Mode> Plan<M> {
    fn new(options: ClientOptions<M>) -> Result<Self, Error> {
        options.check()?;
        let token_auth = AtomicBool::new(options.uses_tokens());
        Ok(Self { options, token_auth })
    }

    /// The key, if it is what authenticates requests.
    fn basic(&self) -> Option<&ApiKey> {
        let token_auth = self.token_auth.load(Ordering::Acquire);
        self.options.key.as_ref().filter(|_| !token_auth)
    }

    fn switch_to_tokens(&self) {
        self.token_auth.store(true, Ordering::Release);
    }

    /// A key source that is asked only to sign.
    fn create_token_request(&self, params: &TokenParams) -> Result<TokenRequest, Error> {
        let Some(key) = &self.options.key else {
            return Err(Error::with_code(
                ErrorCode::UNABLE_TO_AUTHENTICATE,
                "a token request is signed with a key; give the client one",
            ));
        };
        self.key_source(key, ()).create_token_request(&self.options.params(params))
    }

    fn key_source<T>(&self, key: &ApiKey, transport: T) -> KeySource<T> {
        KeySource::new(key.clone(), self.options.endpoint.clone(), transport)
            .with_clock(self.options.clock.clone())
            .with_random(self.options.random.clone())
    }

    /// A transport to all hosts of the service, over one that knows of none.
    fn to_all_hosts<T>(&self, transport: T) -> Result<FallbackTransport<T>, Error> {
        let ClientOptions { endpoint, http, clock, random, .. } = &self.options;
        FallbackTransport::new(transport, endpoint, http, clock.clone(), random.clone())
    }

    /// A call of a request whose URI is a path at the endpoint, or names it.
    fn call(&self, mut request: Request<Bytes>) -> Result<AuthenticatedCall, Error> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let uri = self.options.endpoint.uri(path)?;
        if request.uri().authority().is_some_and(|authority| Some(authority) != uri.authority()) {
            return Err(Error::configuration(
                "credentials are not sent to another host than the endpoint; give just the path",
            ));
        }
        *request.uri_mut() = uri;
        if self.options.http.add_request_ids {
            // Here already, so that a resend with a new token has the same.
            RequestId::add(&mut request, &*self.options.random)?;
        }
        Ok(AuthenticatedCall::new(request, self.options.identity()))
    }

    /// Revoking takes the key itself (`RSA17d`).
    fn revoke_tokens(&self, request: &RevokeTokensRequest) -> Result<RevokeTokens, Error> {
        let Some(key) = self.basic() else {
            return Err(Error::with_code(
                ErrorCode::BASIC_AUTH_NEEDED,
                "tokens are revoked with the key itself; use a client that has a key alone",
            ));
        };
        self.options.check_basic()?;
        Ok(RevokeTokens::new(&self.options.endpoint, key, request))
    }

    /// The identity of the client's, or else of the token's (`RSA7b`, `RSA12`).
    fn client_id(&self, token: Option<&TokenDetails>) -> ClientId {
        match &self.options.client_id {
            ClientId::None => token.map(|token| token.client_id().clone()).unwrap_or_default(),
            own => own.clone(),
        }
    }
}
