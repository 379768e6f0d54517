//! The token source that a client's options select.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ably_auth_core::{Identity, TokenDetails, TokenParams, TokenRequest};
use async_trait::async_trait;

use super::service::Service;
use crate::auth_options::AuthOptions;
use crate::error::Error;
use crate::exchange::{self, RequestToken, ServerTime};
use crate::identity;
use crate::mode::{Async, Blocking, Mode};
use crate::source::{BlockingTokenSource, Source, TokenSource};
use crate::sources::{AuthUrlSource, CallbackSource, FixedTokenSource, JwtSource, KeySource};
use crate::transport::{BlockingTransport, Transport};

/// The token source that the options select (`RSA4`).
///
/// It refuses tokens of an identity other than the client's (`RSA15`). It does so before the cache sees them, so that a
/// refused token replaces no other.
pub(super) struct SelectedSource<M: Mode, T> {
    kind: SourceKind<M, T>,
    /// The token, or the token request, that is used for the first token.
    first: Mutex<Option<First>>,
    service: Arc<Service<T>>,
    identity: Option<Identity>,
    query_time: bool,
}

/// The options' own token or token request, used for the first token.
#[allow(clippy::large_enum_variant, reason = "a client has only one")]
enum First {
    Token(TokenDetails),
    Exchange(TokenRequest),
}

#[allow(clippy::large_enum_variant, reason = "a client has only one")]
enum SourceKind<M: Mode, T> {
    Own(Arc<M::Source>),
    Callback(CallbackSource<Arc<Service<T>>, M::Callback>),
    AuthUrl(AuthUrlSource<Arc<T>, Arc<Service<T>>>),
    Jwt(JwtSource),
    Key(KeySource<Arc<Service<T>>>),
    Fixed(FixedTokenSource),
    Exchange(OneRequest),
}

/// A token request, which the service exchanges once.
struct OneRequest {
    request: TokenRequest,
    is_spent: AtomicBool,
}

impl OneRequest {
    fn can_exchange(&self) -> bool {
        !self.is_spent.load(Ordering::Acquire)
    }

    /// Returns the request, unless it was exchanged.
    fn request(&self) -> Result<&TokenRequest, Error> {
        self.can_exchange().then_some(&self.request).ok_or_else(|| Error::no_means_to_renew(None))
    }

    /// Records the outcome of an exchange. A replay means that the service has exchanged the request, but the answer
    /// was lost.
    fn exchanged(&self, token: Result<TokenDetails, Error>) -> Result<TokenDetails, Error> {
        let is_spent = token.as_ref().map_or_else(Error::is_replay, |_| true);
        self.is_spent.fetch_or(is_spent, Ordering::AcqRel);
        token
    }
}

impl<M: Mode, T> SelectedSource<M, T> {
    /// Selects the source of options that have been [checked](AuthOptions::check).
    pub(super) fn new(
        options: &AuthOptions<M>,
        service: &Arc<Service<T>>,
        identity: Option<&Identity>,
    ) -> Result<Self, Error> {
        let endpoint = || service.endpoint.clone();
        let kind = if let Some(source) = &options.token_source {
            SourceKind::Own(Arc::clone(source))
        } else if let Some(callback) = &options.auth_callback {
            SourceKind::Callback(CallbackSource::new(Arc::clone(callback), endpoint(), Arc::clone(service)))
        } else if let Some(auth_url) = &options.auth_url {
            let bare = Arc::clone(service.transport.transport());
            SourceKind::AuthUrl(AuthUrlSource::new(auth_url.clone(), bare, endpoint(), Arc::clone(service)))
        } else if let Some(key) = &options.key {
            let signer = Arc::new(service.signer(key, options.query_time));
            if options.mint_jwt {
                SourceKind::Jwt(JwtSource::new(signer))
            } else {
                SourceKind::Key(KeySource::new(signer, endpoint(), Arc::clone(service)))
            }
        } else if let Some(token) = &options.token {
            SourceKind::Fixed(FixedTokenSource::new(token.clone()))
        } else if let Some(request) = &options.token_request {
            SourceKind::Exchange(OneRequest { request: request.clone(), is_spent: AtomicBool::new(false) })
        } else {
            return Err(Error::no_means_to_renew(None));
        };
        Ok(Self {
            kind,
            first: Mutex::new(None),
            service: Arc::clone(service),
            identity: identity.cloned(),
            query_time: options.query_time,
        })
    }

    /// Gives the token of `options` first, or the token for their token request.
    pub(super) fn with_first_token(self, options: &AuthOptions<M>) -> Self {
        match options.token.clone() {
            Some(token) => Self { first: Mutex::new(Some(First::Token(token))), ..self },
            None => self.with_first_request(options),
        }
    }

    /// Gives the token for the token request of `options` first.
    pub(super) fn with_first_request(self, options: &AuthOptions<M>) -> Self {
        // `SourceKind::Exchange` exchanges the token request itself.
        let request = options.token_request.clone().filter(|_| !self.gives_one_token());
        Self { first: Mutex::new(request.map(First::Exchange)), ..self }
    }

    /// Returns true if the options give one token, or one token request, and nothing for the tokens after it.
    pub(super) const fn gives_one_token(&self) -> bool {
        matches!(self.kind, SourceKind::Fixed(_) | SourceKind::Exchange(_))
    }

    fn take_first(&self) -> Option<First> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn exchange(&self, request: &TokenRequest) -> RequestToken {
        RequestToken::new(&self.service.endpoint, request)
    }

    fn checked(&self, token: Result<TokenDetails, Error>) -> Result<TokenDetails, Error> {
        token.and_then(|token| identity::check(self.identity.as_ref(), &token).map(|()| token))
    }

    /// Returns the query for the service's time, if it is needed before a token is requested (`RSA10k`).
    fn service_time_query(&self) -> Option<ServerTime> {
        (self.query_time && !self.service.knows_service_time()).then(|| ServerTime::new(&self.service.endpoint))
    }
}

impl<M: Mode<Source: Source>, T> SelectedSource<M, T> {
    fn is_renewable(&self) -> bool {
        match &self.kind {
            SourceKind::Own(source) => source.is_renewable(),
            SourceKind::Fixed(_) => false,
            SourceKind::Exchange(one) => one.can_exchange(),
            SourceKind::Callback(_) | SourceKind::AuthUrl(_) | SourceKind::Jwt(_) | SourceKind::Key(_) => true,
        }
    }
}

#[async_trait]
impl<T: Transport + 'static> TokenSource for SelectedSource<Async, T> {
    async fn token(&self, params: &TokenParams) -> Result<TokenDetails, Error> {
        if let Some(exchange) = self.service_time_query() {
            self.service.set_service_time(exchange::run(exchange, &*self.service).await?);
        }
        match self.take_first() {
            Some(First::Token(token)) => return self.checked(Ok(token)),
            Some(First::Exchange(request)) => {
                return self.checked(exchange::run(self.exchange(&request), &*self.service).await);
            }
            None => {}
        }
        let token = match &self.kind {
            SourceKind::Own(source) => source.token(params).await,
            SourceKind::Callback(source) => source.token(params).await,
            SourceKind::AuthUrl(source) => source.token(params).await,
            SourceKind::Jwt(source) => TokenSource::token(source, params).await,
            SourceKind::Key(source) => source.token(params).await,
            SourceKind::Fixed(source) => TokenSource::token(source, params).await,
            SourceKind::Exchange(one) => {
                let exchange = self.exchange(one.request()?);
                one.exchanged(exchange::run(exchange, &*self.service).await)
            }
        };
        self.checked(token)
    }

    fn can_renew(&self) -> bool {
        self.is_renewable()
    }
}

impl<T: BlockingTransport + 'static> BlockingTokenSource for SelectedSource<Blocking, T> {
    fn token(&self, params: &TokenParams) -> Result<TokenDetails, Error> {
        if let Some(exchange) = self.service_time_query() {
            self.service.set_service_time(exchange::run_blocking(exchange, &*self.service)?);
        }
        match self.take_first() {
            Some(First::Token(token)) => return self.checked(Ok(token)),
            Some(First::Exchange(request)) => {
                return self.checked(exchange::run_blocking(self.exchange(&request), &*self.service));
            }
            None => {}
        }
        let token = match &self.kind {
            SourceKind::Own(source) => source.token(params),
            SourceKind::Callback(source) => source.token(params),
            SourceKind::AuthUrl(source) => source.token(params),
            SourceKind::Jwt(source) => BlockingTokenSource::token(source, params),
            SourceKind::Key(source) => source.token(params),
            SourceKind::Fixed(source) => BlockingTokenSource::token(source, params),
            SourceKind::Exchange(one) => {
                let exchange = self.exchange(one.request()?);
                one.exchanged(exchange::run_blocking(exchange, &*self.service))
            }
        };
        self.checked(token)
    }

    fn can_renew(&self) -> bool {
        self.is_renewable()
    }
}
