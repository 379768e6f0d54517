//! A client's authentication, over any transport.

mod asynchronous;
mod blocking;
mod credentials;
mod selected_source;
mod service;

pub use asynchronous::Auth;
pub use blocking::BlockingAuth;
pub use credentials::Credentials;

use std::sync::{Arc, PoisonError, RwLock};

use ably_auth_core::{ApiKey, ClientId, ErrorCode, RevokeTokensRequest, TokenDetails, TokenParams};
use bytes::Bytes;
use http::Request;

use crate::auth_options::AuthOptions;
use crate::error::Error;
use crate::exchange::{AuthenticatedCall, RevokeTokens, add_request_id};
use crate::generation::Generation;
use crate::key_signer::KeySigner;
use crate::mode::Mode;
use crate::options::ClientOptions;
use selected_source::SelectedSource;
use service::Service;

/// The part of a client's authentication that async and blocking clients share. It sends nothing.
struct SharedAuth<M: Mode, T> {
    options: ClientOptions<M>,
    service: Arc<Service<T>>,
    current: RwLock<CurrentAuth<M>>,
}

/// The options and params that `authorize` replaces (`RSA10`).
struct CurrentAuth<M: Mode> {
    auth: AuthOptions<M>,
    params: TokenParams,
    uses_tokens: bool,
    /// The generation of the token that was fetched with these options and params.
    since: Generation,
}

/// Logs that the options give one token and no means to renew it (`RSA4a1`).
fn report_no_means_to_renew() {
    #[cfg(feature = "tracing")]
    tracing::info!(
        code = ErrorCode::NO_MEANS_TO_RENEW.as_u32(),
        href = "https://help.ably.io/error/40171",
        "the token cannot be renewed; give the client a key, an auth callback or an auth URL too"
    );
}

impl<M: Mode> Clone for CurrentAuth<M> {
    fn clone(&self) -> Self {
        Self { auth: self.auth.clone(), params: self.params.clone(), ..*self }
    }
}

impl<M: Mode, T> SharedAuth<M, T> {
    fn new(options: ClientOptions<M>, transport: T) -> Result<Self, Error> {
        options.check()?;
        let current = CurrentAuth {
            auth: options.auth.clone(),
            params: options.default_token_params.clone(),
            uses_tokens: options.auth.uses_tokens(),
            since: Generation::default(),
        };
        let service = Arc::new(Service::new(&options, transport)?);
        Ok(Self { options, service, current: RwLock::new(current) })
    }

    fn current(&self) -> CurrentAuth<M> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn uses_tokens(&self) -> bool {
        self.current.read().unwrap_or_else(PoisonError::into_inner).uses_tokens
    }

    /// Returns the key, if requests are authenticated with the key.
    fn basic_key(&self) -> Option<ApiKey> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        if current.uses_tokens { None } else { current.auth.key.clone() }
    }

    /// Returns the token source of the client's cache.
    fn cached_source(&self) -> Result<SelectedSource<M, T>, Error> {
        let options = &self.options.auth;
        let source = self.source(options)?.with_first_request(options);
        if options.uses_tokens() && source.gives_one_token() {
            report_no_means_to_renew();
        }
        Ok(source)
    }

    /// Returns the token source that `options` select.
    fn source(&self, options: &AuthOptions<M>) -> Result<SelectedSource<M, T>, Error> {
        SelectedSource::new(options, &self.service, self.options.identity())
    }

    /// Returns `options` with the client's key if they have no key (`RSA10i`). Refuses options by which this client
    /// cannot get tokens.
    fn with_key(&self, options: AuthOptions<M>) -> Result<AuthOptions<M>, Error> {
        let options = options.or_key(self.current().auth.key.as_ref());
        self.options.check_tokens_by(&options)?;
        Ok(options)
    }

    /// Returns the options that stay after an `authorize`, as [`with_key`](Self::with_key), and whether to ask for the
    /// service's time first.
    ///
    /// `query_time` of an `authorize` applies once; the client's own value stays (`RSA10g`). From then on the client
    /// uses tokens, unless the options set otherwise.
    fn lasting_options(&self, options: AuthOptions<M>) -> Result<(AuthOptions<M>, bool), Error> {
        let options = self.with_key(options)?;
        if options.use_token_auth == Some(false) {
            self.options.check_basic()?;
        }
        let needs_service_time = options.query_time && !self.service.knows_service_time();
        Ok((options.query_time(self.options.auth.query_time), needs_service_time))
    }

    /// Returns the params of a call: those that it gives, or else the current ones.
    fn params(&self, asked: Option<&TokenParams>) -> Result<TokenParams, Error> {
        match asked {
            Some(asked) => self.params_with_identity(asked),
            None => Ok(self.options.with_identity(self.current().params)),
        }
    }

    /// Returns the params that a call gives, with the client's identity.
    fn params_with_identity(&self, asked: &TokenParams) -> Result<TokenParams, Error> {
        asked.check()?;
        Ok(self.options.with_identity(asked.clone()))
    }

    /// Stores the params and options of an `authorize`, except one-shot parameters (`RSA10g`). If several calls run at
    /// once, it keeps those of the newest token, as the cache does.
    fn store_authorized(&self, token: Generation, params: Option<&TokenParams>, options: Option<AuthOptions<M>>) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if token < current.since {
            return;
        }
        current.since = token;
        if let Some(params) = params {
            current.params = params.clone().without_one_shot();
        }
        current.uses_tokens = true;
        if let Some(options) = options {
            current.uses_tokens = options.use_token_auth != Some(false);
            current.auth = options;
        }
    }

    /// Returns a signer with the key of `options`.
    fn signer(&self, options: &AuthOptions<M>) -> Result<KeySigner, Error> {
        let key = options.key.as_ref().ok_or_else(|| {
            Error::with_code(
                ErrorCode::UNABLE_TO_AUTHENTICATE,
                "missing key: a token request is signed with a key; set one in the client's options",
            )
        })?;
        Ok(self.service.signer(key, options.query_time))
    }

    /// Creates an authenticated call. The URI of `request` is a path at the endpoint, or a full URI at the endpoint.
    fn call(&self, mut request: Request<Bytes>) -> Result<AuthenticatedCall, Error> {
        if request.uri().scheme().is_some_and(|scheme| scheme != self.options.endpoint.scheme()) {
            return Err(Error::configuration(
                "invalid request URI: its scheme is not the endpoint's; give only the path, or use the endpoint's \
                 scheme",
            ));
        }
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let uri = self.options.endpoint.uri(path)?;
        if request.uri().authority().is_some_and(|authority| Some(authority) != uri.authority()) {
            return Err(Error::configuration(
                "invalid request URI: credentials are not sent to another host than the endpoint; give only the path",
            ));
        }
        *request.uri_mut() = uri;
        if self.options.http.add_request_ids {
            // Add the id here, so that a resend with a new token has the same id.
            add_request_id(&mut request, &*self.options.random)?;
        }
        Ok(AuthenticatedCall::new(request, self.options.identity()))
    }

    /// Creates a revocation, which needs the key itself (`RSA17d`).
    fn revoke_tokens(&self, request: &RevokeTokensRequest) -> Result<RevokeTokens, Error> {
        let Some(key) = self.basic_key() else {
            return Err(Error::with_code(
                ErrorCode::BASIC_AUTH_NEEDED,
                "this client uses tokens: revoking tokens needs Basic authentication; use a client that has only a key",
            ));
        };
        self.options.check_basic()?;
        Ok(RevokeTokens::new(&self.options.endpoint, &key, request))
    }

    /// Returns the client's identity, or else the token's (`RSA7b`, `RSA12`).
    fn client_id(&self, token: Option<&TokenDetails>) -> ClientId {
        match &self.options.client_id {
            ClientId::None => token.map(|token| token.client_id().clone()).unwrap_or_default(),
            own => own.clone(),
        }
    }
}
