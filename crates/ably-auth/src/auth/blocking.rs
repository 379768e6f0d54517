//! A client's authentication, for callers that block.

use std::fmt;
use std::sync::Arc;

use ably_auth_core::{
    BatchResult, ClientId, RevokeTokensRequest, Timestamp, TokenDetails, TokenParams, TokenRequest,
    TokenRevocationResult,
};
use bytes::Bytes;
use http::{Request, Response};

use super::Plan;
use super::identity::OfIdentity;
use crate::cache::BlockingTokenCache;
use crate::error::Error;
use crate::exchange::{self, Authorization, CallStep, ServerTime};
use crate::fallback_transport::FallbackTransport;
use crate::options::{Blocking, ClientOptions};
use crate::source::BlockingTokenSource;
use crate::sources::{CallbackSource, FixedTokenSource};
use crate::transport::BlockingTransport;

/// [`Auth`](crate::Auth)'s twin for callers that block: what the blocking clients are made of.
pub struct BlockingAuth<T> {
    plan: Plan<Blocking>,
    transport: Arc<FallbackTransport<T>>,
    source: Arc<dyn BlockingTokenSource>,
    tokens: BlockingTokenCache,
}

impl<T: BlockingTransport + 'static> BlockingAuth<T> {
    /// A client's authentication as the options say.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) with 40106 if there is no way to authenticate, 40012
    /// if the clientId is `*`, 40102 if the token is of another clientId, 40103 if a key would have to be sent without TLS.
    pub fn new(options: ClientOptions<Blocking>, transport: T) -> Result<Self, Error> {
        let plan = Plan::new(options)?;
        let transport = Arc::new(plan.to_all_hosts(transport)?);
        let source: Arc<dyn BlockingTokenSource> =
            match (&plan.options.auth_callback, &plan.options.key, &plan.options.token) {
                (Some(callback), _, _) => {
                    let endpoint = plan.options.endpoint.clone();
                    Arc::new(CallbackSource::new(Arc::clone(callback), endpoint, Arc::clone(&transport)))
                }
                (None, Some(key), _) => Arc::new(plan.key_source(key, Arc::clone(&transport))),
                (None, None, Some(token)) => Arc::new(FixedTokenSource::new(token.clone())),
                (None, None, None) => return Err(Error::configuration("there is no way to authenticate")),
            };
        let identity = plan.options.identity().cloned();
        let checked: Arc<dyn BlockingTokenSource> = Arc::new(OfIdentity { source: Arc::clone(&source), identity });
        let (params, clock) = (plan.options.params(&TokenParams::new()), Arc::clone(&plan.options.clock));
        let tokens = match &plan.options.token {
            Some(token) => BlockingTokenCache::with_token(checked, params, clock, token.clone()),
            None => BlockingTokenCache::new(checked, params, clock),
        };
        Ok(Self { plan, transport, source, tokens })
    }

    /// Gets a new token, and keeps nothing of it (`RSA8`).
    ///
    /// # Errors
    /// Whatever kept the auth callback or the service from giving one.
    pub fn request_token(&self, params: &TokenParams) -> Result<TokenDetails, Error> {
        if !self.source.can_renew() {
            return Err(Error::no_means_to_renew(None));
        }
        self.source.token(&self.plan.options.params(params))
    }

    /// Signs a token request for somebody else to exchange (`RSA9`).
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if the client has no key.
    pub fn create_token_request(&self, params: &TokenParams) -> Result<TokenRequest, Error> {
        self.plan.create_token_request(params)
    }

    /// Gets a new token in any case, and uses tokens, with these params, from now on (`RSA10`).
    ///
    /// The timestamp and the nonce are for this once only (`RSA10g`).
    ///
    /// # Errors
    /// As [`request_token`](Self::request_token), and 40102 if the token is of another clientId than the client. The token in use
    /// is then what it was.
    pub fn authorize(&self, params: &TokenParams) -> Result<TokenDetails, Error> {
        let token = self.tokens.authorize(&self.plan.options.params(params))?;
        self.plan.switch_to_tokens();
        Ok(token.details().clone())
    }

    /// Sends a request with credentials. Of its URI, the path and the query count.
    ///
    /// If the service finds the token stale (401 with 40140 to 40149), the token is renewed once and the request sent once
    /// more (`RSC10`).
    ///
    /// # Errors
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) for any answer without success,
    /// [`ErrorKind::Transport`](crate::ErrorKind::Transport) for none, or whatever kept it from getting a token.
    pub fn request(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Error> {
        let mut call = self.plan.call(request)?;
        let mut step = call.start();
        loop {
            step = match step {
                CallStep::Authorize { rejected } => match self.plan.basic() {
                    Some(key) => call.authorized(&Authorization::basic(key), None),
                    None => {
                        let token = match rejected {
                            None => self.tokens.token()?,
                            Some(rejected) => self.tokens.renewed(rejected)?,
                        };
                        call.authorized(&Authorization::bearer(token.details().token()), Some(token.generation()))
                    }
                },
                CallStep::Send(request) => call.answered(self.transport.send(request)),
                CallStep::Done(outcome) => return outcome,
            };
        }
    }

    /// Revokes tokens that the client's key has issued (`RSA17`).
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) with 40162, and no request, if the client uses tokens.
    pub fn revoke_tokens(&self, request: &RevokeTokensRequest) -> Result<BatchResult<TokenRevocationResult>, Error> {
        exchange::run_blocking(self.plan.revoke_tokens(request)?, &*self.transport)
    }

    /// Asks the service for its time, which needs no credentials (`RSC16`).
    ///
    /// # Errors
    /// [`ErrorKind::Transport`](crate::ErrorKind::Transport) or [`ErrorKind::Answer`](crate::ErrorKind::Answer).
    pub fn time(&self) -> Result<Timestamp, Error> {
        exchange::run_blocking(ServerTime::new(&self.plan.options.endpoint), &*self.transport)
    }

    /// The token in use, if the client uses tokens and has one (`RSA16`).
    #[must_use]
    pub fn token_details(&self) -> Option<TokenDetails> {
        self.plan.basic().is_none().then(|| self.tokens.token_details()).flatten()
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
