//! A client's authentication, for async callers.

use std::fmt;
use std::sync::Arc;

use ably_auth_core::{
    BatchResult, ClientId, RevokeTokensRequest, Timestamp, TokenDetails, TokenParams, TokenRequest,
    TokenRevocationResult,
};
use bytes::Bytes;
use http::{Request, Response};

use super::credentials::Credentials;
use super::{SharedAuth, selected_source::SelectedSource};
use crate::auth_options::AuthOptions;
use crate::cache::TokenCache;
use crate::error::Error;
use crate::exchange::{self, CallStep, ServerTime};
use crate::generation::Generation;
use crate::mode::Async;
use crate::options::ClientOptions;
use crate::source::TokenSource as _;
use crate::transport::Transport;

/// A client's authentication (`RSA`), over any transport. The async clients are built on it.
///
/// Clones share everything: the tokens, and what [`authorize`](Self::authorize) changes.
///
/// ```no_run
/// # async fn example() -> Result<(), ably_auth::Error> {
/// use ably_auth::{Auth, ClientOptions, TransportFault};
/// # use bytes::Bytes;
/// # use http::{Request, Response};
///
/// async fn my_http_library(request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
///     // Send it with the library, follow no redirect, and return the response.
///     # Ok(Response::new(request.into_body()))
/// }
/// let auth = Auth::new(ClientOptions::from_env()?, my_http_library)?;
/// let details = auth.request_token(None).await?;
/// # Ok(())
/// # }
/// ```
pub struct Auth<T> {
    shared: Arc<SharedAuth<Async, T>>,
    tokens: TokenCache,
}

impl<T: Transport + 'static> Auth<T> {
    /// Creates a client's authentication from `options`. It sends nothing yet.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) with 40106 if the options contain no credentials
    /// or contradict each other, 40012 if the clientId is `*`, 40102 if the token has another clientId, or 40103 if a
    /// key would be sent without TLS.
    pub fn new(options: ClientOptions<Async>, transport: T) -> Result<Self, Error> {
        let shared = SharedAuth::new(options, transport)?;
        let options = &shared.options;
        let source = Arc::new(shared.cached_source()?);
        let (params, clock) = (shared.params(None)?, Arc::clone(&options.clock));
        let tokens = match &options.auth.token {
            Some(token) => TokenCache::with_token(source, params, clock, token.clone()),
            None => TokenCache::new(source, params, clock),
        };
        let tokens = tokens.random(Arc::clone(&options.random)).time_offset(Arc::clone(&shared.service.time_offset));
        let service = Arc::clone(&shared.service);
        let tokens = tokens.timeout(options.token_timeout, move |timeout| service.sleep(timeout));
        Ok(Self { shared: Arc::new(shared), tokens })
    }

    /// Requests a new token, and does not store it (`RSA8`). Without params, it uses those of the last `authorize`, or
    /// else the [default token params](ClientOptions::default_token_params). Given params replace those completely.
    ///
    /// # Errors
    /// The error of the token source; 40171 if the client has no means to get another token.
    pub async fn request_token<'p>(&self, params: impl Into<Option<&'p TokenParams>>) -> Result<TokenDetails, Error> {
        let source = self.shared.source(&self.shared.current().auth)?;
        self.request_token_from(&source, params.into()).await
    }

    /// Requests a new token as [`request_token`](Self::request_token), with these options instead of the client's. If
    /// they have no key, the client's key is used.
    ///
    /// # Errors
    /// As [`request_token`](Self::request_token), and as [`new`](Self::new) for the options.
    pub async fn request_token_with<'p>(
        &self,
        params: impl Into<Option<&'p TokenParams>>,
        options: AuthOptions<Async>,
    ) -> Result<TokenDetails, Error> {
        let source = self.shared.source(&self.shared.with_key(options)?)?;
        self.request_token_from(&source, params.into()).await
    }

    async fn request_token_from(
        &self,
        source: &SelectedSource<Async, T>,
        params: Option<&TokenParams>,
    ) -> Result<TokenDetails, Error> {
        if !source.can_renew() {
            return Err(Error::no_means_to_renew(None));
        }
        source.token(&self.shared.params(params)?).await
    }

    /// Signs a token request for another client to exchange (`RSA9`). It sends nothing, except a request for the
    /// service's time if [`query_time`](AuthOptions::query_time) is set.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) with 40106 if the client has no key.
    pub async fn create_token_request<'p>(
        &self,
        params: impl Into<Option<&'p TokenParams>>,
    ) -> Result<TokenRequest, Error> {
        self.sign(params.into(), &self.shared.current().auth).await
    }

    /// Signs a token request as [`create_token_request`](Self::create_token_request), with these options instead of the
    /// client's. If they have no key, the client's key is used.
    ///
    /// # Errors
    /// As [`create_token_request`](Self::create_token_request), and as [`new`](Self::new) for the options.
    pub async fn create_token_request_with<'p>(
        &self,
        params: impl Into<Option<&'p TokenParams>>,
        options: AuthOptions<Async>,
    ) -> Result<TokenRequest, Error> {
        self.sign(params.into(), &self.shared.with_key(options)?).await
    }

    async fn sign(&self, params: Option<&TokenParams>, options: &AuthOptions<Async>) -> Result<TokenRequest, Error> {
        let signer = self.shared.signer(options)?;
        if signer.needs_service_time() {
            signer.set_service_time(self.time().await?);
        }
        signer.create_token_request(&self.shared.params(params)?)
    }

    /// Requests a new token, even if the current token is valid, and uses tokens from then on (`RSA10`). Given params
    /// are kept for later tokens, except their timestamp and nonce, which apply once (`RSA10g`).
    ///
    /// [`BlockingAuth::authorize`](crate::BlockingAuth::authorize) shows the same without `await`.
    ///
    /// # Errors
    /// As [`request_token`](Self::request_token), and 40102 if the token has another clientId than the client. The
    /// token in use and the params then stay the same.
    pub async fn authorize<'p>(&self, params: impl Into<Option<&'p TokenParams>>) -> Result<TokenDetails, Error> {
        let params = params.into();
        let own = params.map(|params| self.shared.params_with_identity(params)).transpose()?;
        let token = self.tokens.authorize(own.as_ref(), None).await?;
        self.shared.store_authorized(token.generation(), params, None);
        Ok(token.details().clone())
    }

    /// Requests a new token as [`authorize`](Self::authorize), with these options, which replace the client's from then
    /// on (`RSA10h`). They replace all of them, except two: the client's key stays if they have no key (`RSA10i`), and
    /// `query_time` applies once (`RSA10g`).
    ///
    /// A [token](AuthOptions::token) in the options is used as the new token, without a request. The other options then
    /// give the next tokens.
    ///
    /// With [`use_token_auth(false)`](AuthOptions::use_token_auth), the client uses its key after it has got a token
    /// with these options.
    ///
    /// # Errors
    /// As [`authorize`](Self::authorize), and as [`new`](Self::new) for the options.
    pub async fn authorize_with<'p>(
        &self,
        params: impl Into<Option<&'p TokenParams>>,
        options: AuthOptions<Async>,
    ) -> Result<TokenDetails, Error> {
        let params = params.into();
        let (options, needs_service_time) = self.shared.lasting_options(options)?;
        if needs_service_time {
            self.shared.service.set_service_time(self.time().await?);
        }
        let source = Arc::new(self.shared.source(&options)?.with_first_token(&options));
        let own = params.map(|params| self.shared.params_with_identity(params)).transpose()?;
        let token = self.tokens.authorize(own.as_ref(), Some(source)).await?;
        self.shared.store_authorized(token.generation(), params, Some(options));
        Ok(token.details().clone())
    }

    /// Sends `request` with credentials. Its URI is a path with or without a query, or also has the endpoint's scheme
    /// and host.
    ///
    /// If the service refuses the token (401 with 40140 to 40149), the token is renewed once and the request is sent
    /// again (`RSC10`).
    ///
    /// If a host's response is lost, the request is sent to the next host, so the service may receive it twice. Give
    /// each message that you publish an `id`, so that the service stores the message once.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) for a response without success,
    /// [`ErrorKind::Transport`](crate::ErrorKind::Transport) without a response, or the error of the token source.
    pub async fn request(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Error> {
        let mut call = self.shared.call(request)?;
        let mut step = call.start();
        loop {
            step = match step {
                CallStep::Authorize { rejected } => match self.credentials_newer_than(rejected).await {
                    Ok(credentials) => call.authorized(&credentials.authorization(), credentials.generation()),
                    Err(error) => call.unauthorized(error),
                },
                CallStep::Send(request) => call.answered(self.shared.service.send(request).await),
                CallStep::Done(outcome) => return outcome,
            };
        }
    }

    /// Returns the current credentials, for applications that send requests themselves.
    ///
    /// # Errors
    /// The error of the token source.
    pub async fn credentials(&self) -> Result<Credentials, Error> {
        self.credentials_newer_than(None).await
    }

    /// Returns newer credentials than `refused`, which the service refused with 401 and a code from 40140 to 40149
    /// (`RSA4b`).
    ///
    /// # Errors
    /// The error of the token source; 40171 if there is no means to renew the token.
    pub async fn renewed_credentials(&self, refused: &Credentials) -> Result<Credentials, Error> {
        self.credentials_newer_than(refused.generation()).await
    }

    /// Returns newer credentials than `current`, such as when the service asks a connection for them (`RTN22`). If there
    /// are none, `current` stays in use. With a key, it returns the key.
    ///
    /// Callers that ask for the same share one fetch.
    ///
    /// # Errors
    /// The error of the token source; 40171 if there is no means to renew the token.
    #[cfg(feature = "realtime")]
    pub async fn newer_credentials(&self, current: &Credentials) -> Result<Credentials, Error> {
        let identity = self.shared.options.identity();
        if let Some(key) = self.shared.basic_key() {
            return Ok(Credentials::of_key(key, identity));
        }
        let token = match current.generation() {
            None => self.tokens.token().await?,
            Some(generation) => self.tokens.newer(generation).await?,
        };
        Ok(Credentials::of_token(token, identity))
    }

    #[cfg(feature = "realtime")]
    pub(crate) fn options(&self) -> &ClientOptions<Async> {
        &self.shared.options
    }

    /// Returns true if `url` responds with success, and with `yes` in its body (`REC3`).
    #[cfg(feature = "realtime")]
    pub(crate) async fn can_reach(&self, url: &str) -> bool {
        let Ok(request) = Request::get(url).body(Bytes::new()) else { return false };
        let transport = self.shared.service.transport.transport();
        let answer = transport.send(request).await;
        answer
            .is_ok_and(|answer| answer.status().is_success() && answer.body().windows(3).any(|window| window == b"yes"))
    }

    async fn credentials_newer_than(&self, rejected: Option<Generation>) -> Result<Credentials, Error> {
        let identity = self.shared.options.identity();
        if let Some(key) = self.shared.basic_key() {
            return Ok(Credentials::of_key(key, identity));
        }
        let token = match rejected {
            None => self.tokens.token().await?,
            Some(rejected) => self.tokens.renewed(rejected).await?,
        };
        Ok(Credentials::of_token(token, identity))
    }

    /// Revokes tokens that the client's key has issued (`RSA17`).
    ///
    /// [`BlockingAuth::revoke_tokens`](crate::BlockingAuth::revoke_tokens) shows the same without `await`.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) with 40162 if the client uses tokens; no request
    /// is sent then.
    pub async fn revoke_tokens(
        &self,
        request: &RevokeTokensRequest,
    ) -> Result<BatchResult<TokenRevocationResult>, Error> {
        exchange::run(self.shared.revoke_tokens(request)?, &*self.shared.service).await
    }

    /// Asks the service for its time, which needs no credentials (`RSC16`).
    ///
    /// # Errors
    /// [`ErrorKind::Transport`](crate::ErrorKind::Transport) or [`ErrorKind::Answer`](crate::ErrorKind::Answer).
    pub async fn time(&self) -> Result<Timestamp, Error> {
        exchange::run(ServerTime::new(&self.shared.options.endpoint), &*self.shared.service).await
    }

    /// Returns the token in use (`RSA16`). It is `None` if the client uses no tokens or has no token yet, or if its
    /// token is known to be expired or refused.
    #[must_use]
    pub fn token_details(&self) -> Option<TokenDetails> {
        if self.shared.uses_tokens() { self.tokens.token_details() } else { None }
    }

    /// Returns the client's identity, or else that of its token (`RSA7b`, `RSA12`).
    #[must_use]
    pub fn client_id(&self) -> ClientId {
        self.shared.client_id(self.token_details().as_ref())
    }
}

impl<T> Clone for Auth<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), tokens: self.tokens.clone() }
    }
}

impl<T> fmt::Debug for Auth<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").field("options", &self.shared.options).finish_non_exhaustive()
    }
}
