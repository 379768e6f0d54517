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
use super::{Plan, report_no_means_to_renew, selected_source::SelectedSource};
use crate::auth_options::AuthOptions;
use crate::cache::{Generation, TokenCache};
use crate::error::Error;
use crate::exchange::{self, CallStep, ServerTime};
use crate::mode::Async;
use crate::options::ClientOptions;
use crate::source::TokenSource;
use crate::transport::Transport;

/// A client's authentication (`RSA`), over whatever transport: what the async clients are made of.
///
/// ```no_run
/// # async fn example() -> Result<(), ably_auth::Error> {
/// use ably_auth::{ApiKey, Auth, ClientOptions, TokenParams, TransportFault};
/// # use bytes::Bytes;
/// # use http::{Request, Response};
///
/// async fn my_http_library(request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
///     // Send it with the library, follow no redirect, and hand back the answer.
///     # Ok(Response::new(request.into_body()))
/// }
/// let options = ClientOptions::new().key(ApiKey::parse("app.key:secret")?);
/// let auth = Auth::new(options, my_http_library)?;
/// let details = auth.request_token(None).await?;
/// # Ok(())
/// # }
/// ```
pub struct Auth<T> {
    plan: Plan<Async, T>,
    tokens: TokenCache,
}

impl<T: Transport + 'static> Auth<T> {
    /// A client's authentication as the options say. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) with 40106 if there is no way to authenticate, or the
    /// options contradict one another, 40012 if the clientId is `*`, 40102 if the token is of another clientId, 40103 if a key
    /// would have to be sent without TLS.
    pub fn new(options: ClientOptions<Async>, transport: T) -> Result<Self, Error> {
        let plan = Plan::new(options, transport)?;
        let options = &plan.options;
        let source = plan.source(&options.auth)?.with_first_request(&options.auth);
        if options.auth.uses_tokens() && source.gives_one_token() {
            report_no_means_to_renew();
        }
        let source: Arc<dyn TokenSource> = Arc::new(source);
        let (params, clock) = (plan.params(None), Arc::clone(&options.clock));
        let tokens = match &options.auth.token {
            Some(token) => TokenCache::with_token(source, params, clock, token.clone()),
            None => TokenCache::new(source, params, clock),
        };
        let tokens =
            tokens.with_random(Arc::clone(&options.random)).with_time_offset(Arc::clone(&plan.service.time_offset));
        let service = Arc::clone(&plan.service);
        let tokens = tokens.with_timeout(options.token_timeout, move |timeout| service.sleep(timeout));
        Ok(Self { plan, tokens })
    }

    /// Gets a new token, and keeps nothing of it (`RSA8`). Without params it asks what `authorize` asked last, else the
    /// [default token params](ClientOptions::default_token_params); params that are given replace those whole.
    ///
    /// # Errors
    /// Whatever kept the source of tokens from giving one; 40171 if there is none.
    pub async fn request_token<'p>(&self, params: impl Into<Option<&'p TokenParams>>) -> Result<TokenDetails, Error> {
        let source = self.plan.source(&self.plan.current().auth)?;
        self.request_token_from(&source, params.into()).await
    }

    /// As [`request_token`](Self::request_token), with these options in place of the client's own; the client's key stays, if
    /// they have none.
    ///
    /// # Errors
    /// As [`request_token`](Self::request_token), and [`new`](Self::new) for the options.
    pub async fn request_token_with<'p>(
        &self,
        params: impl Into<Option<&'p TokenParams>>,
        options: AuthOptions<Async>,
    ) -> Result<TokenDetails, Error> {
        let source = self.plan.source(&self.plan.with_key(options)?)?;
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
        source.token(&self.plan.params(params)).await
    }

    /// Signs a token request for somebody else to exchange (`RSA9`). Nothing is sent, unless the service is to be asked for
    /// its time first ([`query_time`](AuthOptions::query_time)).
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) with 40106 if the client has no key.
    pub async fn create_token_request<'p>(
        &self,
        params: impl Into<Option<&'p TokenParams>>,
    ) -> Result<TokenRequest, Error> {
        self.sign(params.into(), &self.plan.current().auth).await
    }

    /// As [`create_token_request`](Self::create_token_request), with these options in place of the client's own; the client's
    /// key stays, if they have none.
    ///
    /// # Errors
    /// As [`create_token_request`](Self::create_token_request), and [`new`](Self::new) for the options.
    pub async fn create_token_request_with<'p>(
        &self,
        params: impl Into<Option<&'p TokenParams>>,
        options: AuthOptions<Async>,
    ) -> Result<TokenRequest, Error> {
        self.sign(params.into(), &self.plan.with_key(options)?).await
    }

    async fn sign(&self, params: Option<&TokenParams>, options: &AuthOptions<Async>) -> Result<TokenRequest, Error> {
        let signer = self.plan.signer(options)?;
        if signer.needs_service_time() {
            signer.set_service_time(self.time().await?);
        }
        signer.create_token_request(&self.plan.params(params))
    }

    /// Gets a new token in any case, and uses tokens from now on (`RSA10`). Params that are given are what is asked from now
    /// on, but for their timestamp and nonce, which are for this once (`RSA10g`).
    ///
    /// [`BlockingAuth::authorize`](crate::BlockingAuth::authorize) shows the same without `await`.
    ///
    /// # Errors
    /// As [`request_token`](Self::request_token), and 40102 if the token is of another clientId than the client. The token in
    /// use and the params are then what they were.
    pub async fn authorize<'p>(&self, params: impl Into<Option<&'p TokenParams>>) -> Result<TokenDetails, Error> {
        let params = params.into();
        let own = params.map(|params| self.plan.params_with_identity(params));
        let token = self.tokens.authorize(own.as_ref(), None).await?;
        self.plan.store_authorized(token.generation(), params, None);
        Ok(token.details().clone())
    }

    /// As [`authorize`](Self::authorize), with these options in place of the client's own from now on (`RSA10h`): replaced
    /// whole, but for the client's key if they have none (`RSA10i`), and `query_time`, which is for this once: later on
    /// it is as the client was made (`RSA10g`).
    ///
    /// A [token](AuthOptions::token) among the options is the new token, and nothing is asked for it; what else there is gives
    /// the next ones.
    ///
    /// With [`use_token_auth(false)`](AuthOptions::use_token_auth) the client goes over to its key, once that has given a
    /// token.
    ///
    /// # Errors
    /// As [`authorize`](Self::authorize), and [`new`](Self::new) for the options.
    pub async fn authorize_with<'p>(
        &self,
        params: impl Into<Option<&'p TokenParams>>,
        options: AuthOptions<Async>,
    ) -> Result<TokenDetails, Error> {
        let params = params.into();
        let (options, needs_service_time) = self.plan.lasting_options(options)?;
        if needs_service_time {
            self.plan.service.set_service_time(self.time().await?);
        }
        let source = Arc::new(self.plan.source(&options)?.with_first_token(&options));
        let own = params.map(|params| self.plan.params_with_identity(params));
        let token = self.tokens.authorize(own.as_ref(), Some(source)).await?;
        self.plan.store_authorized(token.generation(), params, Some(options));
        Ok(token.details().clone())
    }

    /// Sends `request` with credentials. Its URI is a path with or without a query, or also has the endpoint's scheme
    /// and host.
    ///
    /// If the service finds the token stale (401 with 40140 to 40149), the token is renewed once and the request sent once
    /// more (`RSC10`).
    ///
    /// If a host's answer is lost, the request is sent to the next host, so the service may receive it twice. Give each
    /// message that you publish an `id`, so that the service stores the message once.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) for any answer without success,
    /// [`ErrorKind::Transport`](crate::ErrorKind::Transport) for none, or whatever kept it from getting a token.
    pub async fn request(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Error> {
        let mut call = self.plan.call(request)?;
        let mut step = call.start();
        loop {
            step = match step {
                CallStep::Authorize { rejected } => match self.credentials_newer_than(rejected).await {
                    Ok(credentials) => call.authorized(&credentials.authorization(), credentials.generation()),
                    Err(error) => call.unauthorized(error),
                },
                CallStep::Send(request) => call.answered(self.plan.service.send(request).await),
                CallStep::Done(outcome) => return outcome,
            };
        }
    }

    /// What authenticates a request at this moment, for people who send it themselves.
    ///
    /// # Errors
    /// Whatever kept it from getting a token.
    pub async fn credentials(&self) -> Result<Credentials, Error> {
        self.credentials_newer_than(None).await
    }

    /// Newer credentials than those, which the service has refused with 401 and a code from 40140 to 40149 (`RSA4b`).
    ///
    /// # Errors
    /// Whatever kept it from getting a token; 40171 if there is no means to.
    pub async fn renewed_credentials(&self, refused: &Credentials) -> Result<Credentials, Error> {
        self.credentials_newer_than(refused.generation()).await
    }

    async fn credentials_newer_than(&self, rejected: Option<Generation>) -> Result<Credentials, Error> {
        let identity = self.plan.options.identity();
        if let Some(key) = self.plan.basic_key() {
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
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) with 40162, and no request, if the client uses tokens.
    pub async fn revoke_tokens(
        &self,
        request: &RevokeTokensRequest,
    ) -> Result<BatchResult<TokenRevocationResult>, Error> {
        exchange::run(self.plan.revoke_tokens(request)?, &*self.plan.service).await
    }

    /// Asks the service for its time, which needs no credentials (`RSC16`).
    ///
    /// # Errors
    /// [`ErrorKind::Transport`](crate::ErrorKind::Transport) or [`ErrorKind::Answer`](crate::ErrorKind::Answer).
    pub async fn time(&self) -> Result<Timestamp, Error> {
        exchange::run(ServerTime::new(&self.plan.options.endpoint), &*self.plan.service).await
    }

    /// The token in use, if the client uses tokens and has one that is not known to be bad (`RSA16`).
    #[must_use]
    pub fn token_details(&self) -> Option<TokenDetails> {
        if self.plan.uses_tokens() { self.tokens.token_details() } else { None }
    }

    /// The identity of the client's, or else of its token's (`RSA7b`, `RSA12`).
    #[must_use]
    pub fn client_id(&self) -> ClientId {
        self.plan.client_id(self.token_details().as_ref())
    }
}

impl<T> fmt::Debug for Auth<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").field("options", &self.plan.options).finish_non_exhaustive()
    }
}
