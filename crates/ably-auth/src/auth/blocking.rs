//! A client's authentication, for blocking callers.

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
use crate::cache::BlockingTokenCache;
use crate::error::Error;
use crate::exchange::{self, CallStep, ServerTime};
use crate::generation::Generation;
use crate::mode::Blocking;
use crate::options::ClientOptions;
use crate::source::BlockingTokenSource as _;
use crate::transport::BlockingTransport;

/// The blocking variant of [`Auth`](crate::Auth). The blocking clients are built on it.
///
/// Clones share everything: the tokens, and what [`authorize`](Self::authorize) changes.
///
/// ```
/// use ably_auth::{BlockingAuth, ClientOptions, TransportFault};
/// use bytes::Bytes;
/// use http::{Request, Response};
///
/// // Use any HTTP library; this function always returns the same response.
/// fn send(request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
///     assert_eq!(request.uri(), "https://main.realtime.ably.net/time");
///     Ok(Response::new(Bytes::from_static(b"[1767225600000]")))
/// }
/// let auth = BlockingAuth::new(ClientOptions::new().key("app.key:secret"), send)?;
/// assert_eq!(auth.time()?.as_millis(), 1_767_225_600_000);
/// # Ok::<(), ably_auth::Error>(())
/// ```
pub struct BlockingAuth<T> {
    shared: Arc<SharedAuth<Blocking, T>>,
    tokens: BlockingTokenCache,
}

impl<T: BlockingTransport + 'static> BlockingAuth<T> {
    /// Creates a client's authentication from `options`. It sends nothing yet.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) with 40106 if the options contain no credentials
    /// or contradict each other, 40012 if the clientId is `*`, 40102 if the token has another clientId, or 40103 if a
    /// key would be sent without TLS.
    pub fn new(options: ClientOptions<Blocking>, transport: T) -> Result<Self, Error> {
        let shared = SharedAuth::new(options, transport)?;
        let options = &shared.options;
        let source = Arc::new(shared.cached_source()?);
        let (params, clock) = (shared.params(None)?, Arc::clone(&options.clock));
        let tokens = match &options.auth.token {
            Some(token) => BlockingTokenCache::with_token(source, params, clock, token.clone()),
            None => BlockingTokenCache::new(source, params, clock),
        };
        let tokens = tokens.random(Arc::clone(&options.random)).time_offset(Arc::clone(&shared.service.time_offset));
        let tokens = tokens.timeout(options.token_timeout);
        Ok(Self { shared: Arc::new(shared), tokens })
    }

    /// Requests a new token, and does not store it (`RSA8`). Without params, it uses those of the last `authorize`, or
    /// else the [default token params](ClientOptions::default_token_params). Given params replace those completely.
    ///
    /// # Errors
    /// The error of the token source; 40171 if the client has no means to get another token.
    pub fn request_token<'p>(&self, params: impl Into<Option<&'p TokenParams>>) -> Result<TokenDetails, Error> {
        let source = self.shared.source(&self.shared.current().auth)?;
        self.request_token_from(&source, params.into())
    }

    /// Requests a new token as [`request_token`](Self::request_token), with these options instead of the client's. If
    /// they have no key, the client's key is used.
    ///
    /// # Errors
    /// As [`request_token`](Self::request_token), and as [`new`](Self::new) for the options.
    pub fn request_token_with<'p>(
        &self,
        params: impl Into<Option<&'p TokenParams>>,
        options: AuthOptions<Blocking>,
    ) -> Result<TokenDetails, Error> {
        let source = self.shared.source(&self.shared.with_key(options)?)?;
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
        source.token(&self.shared.params(params)?)
    }

    /// Signs a token request for another client to exchange (`RSA9`). It sends nothing, except a request for the
    /// service's time if [`query_time`](AuthOptions::query_time) is set.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) with 40106 if the client has no key.
    pub fn create_token_request<'p>(&self, params: impl Into<Option<&'p TokenParams>>) -> Result<TokenRequest, Error> {
        self.sign(params.into(), &self.shared.current().auth)
    }

    /// Signs a token request as [`create_token_request`](Self::create_token_request), with these options instead of the
    /// client's. If they have no key, the client's key is used.
    ///
    /// # Errors
    /// As [`create_token_request`](Self::create_token_request), and as [`new`](Self::new) for the options.
    pub fn create_token_request_with<'p>(
        &self,
        params: impl Into<Option<&'p TokenParams>>,
        options: AuthOptions<Blocking>,
    ) -> Result<TokenRequest, Error> {
        self.sign(params.into(), &self.shared.with_key(options)?)
    }

    fn sign(&self, params: Option<&TokenParams>, options: &AuthOptions<Blocking>) -> Result<TokenRequest, Error> {
        let signer = self.shared.signer(options)?;
        if signer.needs_service_time() {
            signer.set_service_time(self.time()?);
        }
        signer.create_token_request(&self.shared.params(params)?)
    }

    /// Requests a new token, even if the current token is valid, and uses tokens from then on (`RSA10`). Given params
    /// are kept for later tokens, except their timestamp and nonce, which apply once (`RSA10g`).
    ///
    /// ```
    /// use ably_auth::{BlockingAuth, ClientOptions, TokenParams};
    ///
    /// # fn send(_: http::Request<bytes::Bytes>) -> Result<http::Response<bytes::Bytes>, ably_auth::TransportFault> {
    /// #     unreachable!("a JWT is minted without a request")
    /// # }
    /// let auth = BlockingAuth::new(ClientOptions::new().key("app.key:secret").mint_jwt(true), send)?; // `send`: your HTTP library
    /// let details = auth.authorize(&TokenParams::new().capability(r#"{"chat:*":["publish"]}"#))?;
    /// assert_eq!(details.capability_text(), Some(r#"{"chat:*":["publish"]}"#));
    /// assert_eq!(auth.token_details(), Some(details));
    /// # Ok::<(), ably_auth::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`request_token`](Self::request_token), and 40102 if the token has another clientId than the client. The
    /// token in use and the params then stay the same.
    pub fn authorize<'p>(&self, params: impl Into<Option<&'p TokenParams>>) -> Result<TokenDetails, Error> {
        let params = params.into();
        let own = params.map(|params| self.shared.params_with_identity(params)).transpose()?;
        let token = self.tokens.authorize(own.as_ref(), None)?;
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
    pub fn authorize_with<'p>(
        &self,
        params: impl Into<Option<&'p TokenParams>>,
        options: AuthOptions<Blocking>,
    ) -> Result<TokenDetails, Error> {
        let params = params.into();
        let (options, needs_service_time) = self.shared.lasting_options(options)?;
        if needs_service_time {
            self.shared.service.set_service_time(self.time()?);
        }
        let source = Arc::new(self.shared.source(&options)?.with_first_token(&options));
        let own = params.map(|params| self.shared.params_with_identity(params)).transpose()?;
        let token = self.tokens.authorize(own.as_ref(), Some(source))?;
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
    pub fn request(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Error> {
        let mut call = self.shared.call(request)?;
        let mut step = call.start();
        loop {
            step = match step {
                CallStep::Authorize { rejected } => match self.credentials_newer_than(rejected) {
                    Ok(credentials) => call.authorized(&credentials.authorization(), credentials.generation()),
                    Err(error) => call.unauthorized(error),
                },
                CallStep::Send(request) => call.answered(self.shared.service.send(request)),
                CallStep::Done(outcome) => return outcome,
            };
        }
    }

    /// Returns the current credentials, for applications that send requests themselves.
    ///
    /// # Errors
    /// The error of the token source.
    pub fn credentials(&self) -> Result<Credentials, Error> {
        self.credentials_newer_than(None)
    }

    /// Returns newer credentials than `refused`, which the service refused with 401 and a code from 40140 to 40149
    /// (`RSA4b`).
    ///
    /// # Errors
    /// The error of the token source; 40171 if there is no means to renew the token.
    pub fn renewed_credentials(&self, refused: &Credentials) -> Result<Credentials, Error> {
        self.credentials_newer_than(refused.generation())
    }

    fn credentials_newer_than(&self, rejected: Option<Generation>) -> Result<Credentials, Error> {
        let identity = self.shared.options.identity();
        if let Some(key) = self.shared.basic_key() {
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
    /// use ably_auth::{BlockingAuth, ClientOptions, RevokeTokensRequest, TokenRevocationTargetSpecifier as Target};
    /// use bytes::Bytes;
    /// use http::{Request, Response};
    ///
    /// # fn send(request: Request<Bytes>) -> Result<Response<Bytes>, ably_auth::TransportFault> {
    /// #     assert_eq!(request.uri().path(), "/keys/app.key/revokeTokens");
    /// #     let result = r#"{"target":"clientId:bob","issuedBefore":1767225600000,"appliesAt":1767225600000}"#;
    /// #     Ok(Response::new(format!(r#"{{"successCount":1,"failureCount":0,"results":[{result}]}}"#).into()))
    /// # }
    /// let auth = BlockingAuth::new(ClientOptions::new().key("app.key:secret"), send)?; // `send`: your HTTP library
    /// let batch = auth.revoke_tokens(&RevokeTokensRequest::new([Target::client_id("bob")]))?;
    /// assert_eq!((batch.success_count, batch.failure_count), (1, 0));
    /// # Ok::<(), ably_auth::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) with 40162 if the client uses tokens; no request
    /// is sent then.
    pub fn revoke_tokens(&self, request: &RevokeTokensRequest) -> Result<BatchResult<TokenRevocationResult>, Error> {
        exchange::run_blocking(self.shared.revoke_tokens(request)?, &*self.shared.service)
    }

    /// Asks the service for its time, which needs no credentials (`RSC16`).
    ///
    /// # Errors
    /// [`ErrorKind::Transport`](crate::ErrorKind::Transport) or [`ErrorKind::Answer`](crate::ErrorKind::Answer).
    pub fn time(&self) -> Result<Timestamp, Error> {
        exchange::run_blocking(ServerTime::new(&self.shared.options.endpoint), &*self.shared.service)
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

impl<T> Clone for BlockingAuth<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), tokens: self.tokens.clone() }
    }
}

impl<T> fmt::Debug for BlockingAuth<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingAuth").field("options", &self.shared.options).finish_non_exhaustive()
    }
}
