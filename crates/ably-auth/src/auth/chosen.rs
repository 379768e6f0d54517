//! The source of tokens that a client's options choose.

use std::sync::{Arc, Mutex, PoisonError};

use ably_auth_core::{Identity, TokenDetails, TokenParams};
use async_trait::async_trait;

use super::identity;
use super::service::Service;
use crate::auth_options::AuthOptions;
use crate::error::Error;
use crate::exchange::{self, ServerTime};
use crate::mode::{Async, Blocking, Mode};
use crate::source::{BlockingTokenSource, TokenSource};
use crate::sources::{AuthUrlSource, CallbackSource, FixedTokenSource, JwtSource, KeySource};
use crate::transport::{BlockingTransport, Transport};

/// The source of tokens that the options choose (`RSA4`). It refuses tokens of another identity than the client's (`RSA15`),
/// before the cache sees them, so that one that is refused displaces none.
pub(super) struct Chosen<M: Mode, T> {
    what: What<M, T>,
    /// Given in place of the first one that is asked for.
    first: Mutex<Option<TokenDetails>>,
    service: Arc<Service<T>>,
    identity: Option<Identity>,
    query_time: bool,
}

#[allow(clippy::large_enum_variant, reason = "there is one in a client")]
enum What<M: Mode, T> {
    Own(Arc<M::Source>),
    Callback(CallbackSource<Arc<Service<T>>, M::Callback>),
    AuthUrl(AuthUrlSource<Arc<T>, Arc<Service<T>>>),
    Jwt(JwtSource),
    Key(KeySource<Arc<Service<T>>>),
    Fixed(FixedTokenSource),
}

impl<M: Mode, T> Chosen<M, T> {
    /// What [checked](AuthOptions::check) options choose.
    pub(super) fn new(
        options: &AuthOptions<M>,
        service: &Arc<Service<T>>,
        identity: Option<&Identity>,
    ) -> Result<Self, Error> {
        let endpoint = || service.endpoint.clone();
        let what = if let Some(source) = &options.token_source {
            What::Own(Arc::clone(source))
        } else if let Some(callback) = &options.auth_callback {
            What::Callback(CallbackSource::new(Arc::clone(callback), endpoint(), Arc::clone(service)))
        } else if let Some(auth_url) = &options.auth_url {
            let bare = Arc::clone(service.transport.transport());
            What::AuthUrl(AuthUrlSource::new(auth_url.clone(), bare, endpoint(), Arc::clone(service)))
        } else if let Some(key) = &options.key {
            let signer = Arc::new(service.signer(key, options.query_time));
            if options.mint_jwt {
                What::Jwt(JwtSource::new(signer))
            } else {
                What::Key(KeySource::new(signer, endpoint(), Arc::clone(service)))
            }
        } else if let Some(token) = &options.token {
            What::Fixed(FixedTokenSource::new(token.clone()))
        } else {
            return Err(Error::no_means_to_renew(None));
        };
        Ok(Self {
            what,
            first: Mutex::new(None),
            service: Arc::clone(service),
            identity: identity.cloned(),
            query_time: options.query_time,
        })
    }

    /// The same, but for that token, which comes first.
    pub(super) fn giving_first(self, token: Option<TokenDetails>) -> Self {
        Self { first: Mutex::new(token), ..self }
    }

    fn first(&self) -> Option<TokenDetails> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn checked(&self, token: Result<TokenDetails, Error>) -> Result<TokenDetails, Error> {
        token.and_then(|token| identity::check(self.identity.as_ref(), &token).map(|()| token))
    }

    /// Whether the service's time is to be asked before a token is (`RSA10k`).
    fn wants_time(&self) -> Option<ServerTime> {
        (self.query_time && !self.service.knows_time()).then(|| ServerTime::new(&self.service.endpoint))
    }
}

#[async_trait]
impl<T: Transport + 'static> TokenSource for Chosen<Async, T> {
    async fn token(&self, params: &TokenParams) -> Result<TokenDetails, Error> {
        if let Some(exchange) = self.wants_time() {
            self.service.learn(exchange::run(exchange, &*self.service).await?);
        }
        if let Some(token) = self.first() {
            return self.checked(Ok(token));
        }
        let token = match &self.what {
            What::Own(source) => source.token(params).await,
            What::Callback(source) => source.token(params).await,
            What::AuthUrl(source) => source.token(params).await,
            What::Jwt(source) => TokenSource::token(source, params).await,
            What::Key(source) => source.token(params).await,
            What::Fixed(source) => TokenSource::token(source, params).await,
        };
        self.checked(token)
    }

    fn can_renew(&self) -> bool {
        match &self.what {
            What::Own(source) => source.can_renew(),
            What::Fixed(_) => false,
            What::Callback(_) | What::AuthUrl(_) | What::Jwt(_) | What::Key(_) => true,
        }
    }
}

impl<T: BlockingTransport + 'static> BlockingTokenSource for Chosen<Blocking, T> {
    fn token(&self, params: &TokenParams) -> Result<TokenDetails, Error> {
        if let Some(exchange) = self.wants_time() {
            self.service.learn(exchange::run_blocking(exchange, &*self.service)?);
        }
        if let Some(token) = self.first() {
            return self.checked(Ok(token));
        }
        let token = match &self.what {
            What::Own(source) => source.token(params),
            What::Callback(source) => source.token(params),
            What::AuthUrl(source) => source.token(params),
            What::Jwt(source) => BlockingTokenSource::token(source, params),
            What::Key(source) => source.token(params),
            What::Fixed(source) => BlockingTokenSource::token(source, params),
        };
        self.checked(token)
    }

    fn can_renew(&self) -> bool {
        match &self.what {
            What::Own(source) => source.can_renew(),
            What::Fixed(_) => false,
            What::Callback(_) | What::AuthUrl(_) | What::Jwt(_) | What::Key(_) => true,
        }
    }
}
