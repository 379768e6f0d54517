//! A client's authentication, for callers that block.

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
use crate::cache::{BlockingTokenCache, Generation};
use crate::error::Error;
use crate::exchange::{self, CallStep, ServerTime};
use crate::mode::Blocking;
use crate::options::ClientOptions;
use crate::source::BlockingTokenSource;
use crate::transport::BlockingTransport;

/// [`Auth`](crate::Auth)'s twin for callers that block: what the blocking clients are made of.
///
/// ```
/// use ably_auth::{ApiKey, BlockingAuth, ClientOptions, TransportFault};
/// use bytes::Bytes;
/// use http::{Request, Response};
///
/// // Any HTTP library will do; this one always gives the same answer.
/// fn send(request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
///     assert_eq!(request.uri(), "https://main.realtime.ably.net/time");
///     Ok(Response::new(Bytes::from_static(b"[1767225600000]")))
/// }
/// let auth = BlockingAuth::new(ClientOptions::new().key(ApiKey::parse("app.key:secret")?), send)?;
/// assert_eq!(auth.time()?.as_millis(), 1_767_225_600_000);
/// # Ok::<(), ably_auth::Error>(())
/// ```
pub struct BlockingAuth<T> {
    plan: Plan<Blocking, T>,
    tokens: BlockingTokenCache,
}

impl<T: BlockingTransport + 'static> BlockingAuth<T> {
    /// A client's authentication as the options say. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) with 40106 if there is no way to authenticate, or the
    /// options contradict one another, 40012 if the clientId is `*`, 40102 if the token is of another clientId, 40103 if a key
    /// would have to be sent without TLS.
    pub fn new(options: ClientOptions<Blocking>, transport: T) -> Result<Self, Error> {
        let plan = Plan::new(options, transport)?;
        let options = &plan.options;
        let source = plan.source(&options.auth)?.with_first_request(&options.auth);
        if options.auth.uses_tokens() && source.gives_one_token() {
            report_no_means_to_renew();
        }
        let source: Arc<dyn BlockingTokenSource> = Arc::new(source);
        let (params, clock) = (plan.params(None), Arc::clone(&options.clock));
        let tokens = match &options.auth.token {
            Some(token) => BlockingTokenCache::with_token(source, params, clock, token.clone()),
            None => BlockingTokenCache::new(source, params, clock),
        };
        let tokens =
            tokens.with_random(Arc::clone(&options.random)).with_time_offset(Arc::clone(&plan.service.time_offset));
        let tokens = tokens.with_timeout(options.token_timeout);
        Ok(Self { plan, tokens })
    }

    /// Gets a new token, and keeps nothing of it (`RSA8`). Without params it asks what `authorize` asked last, else the
    /// [default token params](ClientOptions::default_token_params); params that are given replace those whole.
    ///
    /// # Errors
    /// Whatever kept the source of tokens from giving one; 40171 if there is none.
    pub fn request_token<'p>(&self, params: impl Into<Option<&'p TokenParams>>) -> Result<TokenDetails, Error> {
        let source = self.plan.source(&self.plan.current().auth)?;
        self.request_token_from(&source, params.into())
    }

    /// As [`request_token`](Self::request_token), with these options in place of the client's own; the client's key stays, if
    /// they have none.
    ///
    /// # Errors
    /// As [`request_token`](Self::request_token), and [`new`](Self::new) for the options.
    pub fn request_token_with<'p>(
        &self,
        params: impl Into<Option<&'p TokenParams>>,
        options: AuthOptions<Blocking>,
    ) -> Result<TokenDetails, Error> {
        let source = self.plan.source(&self.plan.with_key(options)?)?;
        self.request_token_from(&source, params.into())
    }

    fn request_token_from(
        &self,
        source: &SelectedSource<Blocking, T>,
        params: Option<&TokenParams>,
    ) -> Result<TokenDetails, Error> {
        if !source.can_renew() {
            return Err(Error::no_means_to_renew(None));
        }
        source.token(&self.plan.params(params))
    }

    /// Signs a token request for somebody else to exchange (`RSA9`). Nothing is sent, unless the service is to be asked for
    /// its time first ([`query_time`](AuthOptions::query_time)).
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) with 40106 if the client has no key.
    pub fn create_token_request<'p>(&self, params: impl Into<Option<&'p TokenParams>>) -> Result<TokenRequest, Error> {
        self.sign(params.into(), &self.plan.current().auth)
    }

    /// As [`create_token_request`](Self::create_token_request), with these options in place of the client's own; the client's
    /// key stays, if they have none.
    ///
    /// # Errors
    /// As [`create_token_request`](Self::create_token_request), and [`new`](Self::new) for the options.
    pub fn create_token_request_with<'p>(
        &self,
        params: impl Into<Option<&'p TokenParams>>,
        options: AuthOptions<Blocking>,
    ) -> Result<TokenRequest, Error> {
        self.sign(params.into(), &self.plan.with_key(options)?)
    }

    fn sign(&self, params: Option<&TokenParams>, options: &AuthOptions<Blocking>) -> Result<TokenRequest, Error> {
        let signer = self.plan.signer(options)?;
        if signer.needs_service_time() {
            signer.set_service_time(self.time()?);
        }
        signer.create_token_request(&self.plan.params(params))
    }

    /// Gets a new token in any case, and uses tokens from now on (`RSA10`). Params that are given are what is asked from now
    /// on, but for their timestamp and nonce, which are for this once (`RSA10g`).
    ///
    /// ```
    /// use ably_auth::{ApiKey, BlockingAuth, Capability, ClientOptions, TokenParams};
    ///
    /// let key = ApiKey::parse("app.key:secret")?;
    /// # fn send(_: http::Request<bytes::Bytes>) -> Result<http::Response<bytes::Bytes>, ably_auth::TransportFault> {
    /// #     unreachable!("a JWT is minted without a request")
    /// # }
    /// let auth = BlockingAuth::new(ClientOptions::new().key(key).mint_jwt(true), send)?; // `send`: your HTTP library
    /// let chat: Capability = r#"{"chat:*":["publish"]}"#.parse()?;
    /// let details = auth.authorize(&TokenParams::new().capability(chat))?;
    /// assert_eq!(details.capability_text(), Some(r#"{"chat:*":["publish"]}"#));
    /// assert_eq!(auth.token_details(), Some(details));
    /// # Ok::<(), ably_auth::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`request_token`](Self::request_token), and 40102 if the token is of another clientId than the client. The token in
    /// use and the params are then what they were.
    pub fn authorize<'p>(&self, params: impl Into<Option<&'p TokenParams>>) -> Result<TokenDetails, Error> {
        let params = params.into();
        let own = params.map(|params| self.plan.params_with_identity(params));
        let token = self.tokens.authorize(own.as_ref(), None)?;
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
    pub fn authorize_with<'p>(
        &self,
        params: impl Into<Option<&'p TokenParams>>,
        options: AuthOptions<Blocking>,
    ) -> Result<TokenDetails, Error> {
        let params = params.into();
        let (options, needs_service_time) = self.plan.lasting_options(options)?;
        if needs_service_time {
            self.plan.service.set_service_time(self.time()?);
        }
        let source = Arc::new(self.plan.source(&options)?.with_first_token(&options));
        let own = params.map(|params| self.plan.params_with_identity(params));
        let token = self.tokens.authorize(own.as_ref(), Some(source))?;
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
    pub fn request(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Error> {
        let mut call = self.plan.call(request)?;
        let mut step = call.start();
        loop {
            step = match step {
                CallStep::Authorize { rejected } => match self.credentials_newer_than(rejected) {
                    Ok(credentials) => call.authorized(&credentials.authorization(), credentials.generation()),
                    Err(error) => call.unauthorized(error),
                },
                CallStep::Send(request) => call.answered(self.plan.service.send(request)),
                CallStep::Done(outcome) => return outcome,
            };
        }
    }

    /// What authenticates a request at this moment, for people who send it themselves.
    ///
    /// # Errors
    /// Whatever kept it from getting a token.
    pub fn credentials(&self) -> Result<Credentials, Error> {
        self.credentials_newer_than(None)
    }

    /// Newer credentials than those, which the service has refused with 401 and a code from 40140 to 40149 (`RSA4b`).
    ///
    /// # Errors
    /// Whatever kept it from getting a token; 40171 if there is no means to.
    pub fn renewed_credentials(&self, refused: &Credentials) -> Result<Credentials, Error> {
        self.credentials_newer_than(refused.generation())
    }

    fn credentials_newer_than(&self, rejected: Option<Generation>) -> Result<Credentials, Error> {
        let identity = self.plan.options.identity();
        if let Some(key) = self.plan.basic_key() {
            return Ok(Credentials::of_key(key, identity));
        }
        let token = match rejected {
            None => self.tokens.token()?,
            Some(rejected) => self.tokens.renewed(rejected)?,
        };
        Ok(Credentials::of_token(token, identity))
    }

    /// Revokes tokens that the client's key has issued (`RSA17`).
    ///
    /// ```
    /// use ably_auth::{ApiKey, BlockingAuth, ClientOptions, RevokeTokensRequest, TokenRevocationTargetSpecifier as Target};
    /// use bytes::Bytes;
    /// use http::{Request, Response};
    ///
    /// # fn send(request: Request<Bytes>) -> Result<Response<Bytes>, ably_auth::TransportFault> {
    /// #     assert_eq!(request.uri().path(), "/keys/app.key/revokeTokens");
    /// #     let result = r#"{"target":"clientId:bob","issuedBefore":1767225600000,"appliesAt":1767225600000}"#;
    /// #     Ok(Response::new(format!(r#"{{"successCount":1,"failureCount":0,"results":[{result}]}}"#).into()))
    /// # }
    /// let auth = BlockingAuth::new(ClientOptions::new().key(ApiKey::parse("app.key:secret")?), send)?; // `send`: your HTTP library
    /// let batch = auth.revoke_tokens(&RevokeTokensRequest::new([Target::client_id("bob")]))?;
    /// assert_eq!((batch.success_count, batch.failure_count), (1, 0));
    /// # Ok::<(), ably_auth::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) with 40162, and no request, if the client uses tokens.
    pub fn revoke_tokens(&self, request: &RevokeTokensRequest) -> Result<BatchResult<TokenRevocationResult>, Error> {
        exchange::run_blocking(self.plan.revoke_tokens(request)?, &*self.plan.service)
    }

    /// Asks the service for its time, which needs no credentials (`RSC16`).
    ///
    /// # Errors
    /// [`ErrorKind::Transport`](crate::ErrorKind::Transport) or [`ErrorKind::Answer`](crate::ErrorKind::Answer).
    pub fn time(&self) -> Result<Timestamp, Error> {
        exchange::run_blocking(ServerTime::new(&self.plan.options.endpoint), &*self.plan.service)
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

impl<T> fmt::Debug for BlockingAuth<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingAuth").field("options", &self.plan.options).finish_non_exhaustive()
    }
}
