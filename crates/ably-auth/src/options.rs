//! What a client is told when it is made.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ably_auth_core::{ClientId, ErrorCode, Identity, TokenParams};

use crate::auth::identity;
use crate::auth_options::{AuthOptions, auth_setters};
use crate::clock::{Clock, SystemClock};
use crate::error::Error;
use crate::hosts::{self, Endpoint};
use crate::http_settings::HttpSettings;
use crate::mode::Mode;
use crate::random::{Random, SystemRandom};
use crate::tls_roots::TlsRoots;

/// How a client authenticates, and where.
///
/// A client with a key alone uses Basic authentication, unless [`use_token_auth`](Self::use_token_auth) says otherwise; one
/// with a token, an auth callback or URL, a token source, or JWTs to mint uses tokens (`RSA4`). Where they come from, and in
/// which order, is with [`AuthOptions`].
///
/// ```
/// use ably_auth::{ApiKey, Async, ClientOptions, Identity};
///
/// let options = ClientOptions::<Async>::new()
///     .key(ApiKey::parse("app.key:secret")?)
///     .client_id(Identity::new("bob")?)
///     .use_token_auth(true);
/// # Ok::<(), ably_auth::Error>(())
/// ```
pub struct ClientOptions<M: Mode> {
    pub(crate) auth: AuthOptions<M>,
    pub(crate) client_id: ClientId,
    pub(crate) default_token_params: TokenParams,
    pub(crate) endpoint: Endpoint,
    pub(crate) http: HttpSettings,
    pub(crate) basic_on_loopback: bool,
    pub(crate) token_timeout: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
}

impl<M: Mode> ClientOptions<M> {
    /// No credentials yet, and Ably's default endpoint.
    #[must_use]
    pub fn new() -> Self {
        Self {
            auth: AuthOptions::new(),
            client_id: ClientId::None,
            default_token_params: TokenParams::new(),
            endpoint: Endpoint::default(),
            http: HttpSettings::default(),
            basic_on_loopback: false,
            token_timeout: crate::cache::TOKEN_TIMEOUT,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        }
    }

    /// Assumes that identity, and asks for tokens that confer it (`RSA7`).
    #[must_use]
    pub fn client_id(mut self, client_id: impl Into<ClientId>) -> Self {
        self.client_id = client_id.into();
        self
    }

    /// What to ask of tokens where a call says nothing at all; what it does say replaces these whole (`TO3j11`).
    #[must_use]
    pub fn default_token_params(mut self, params: TokenParams) -> Self {
        self.default_token_params = params;
        self
    }

    /// Calls the service there.
    #[must_use]
    pub fn endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = endpoint;
        self
    }

    /// Tries those hosts, each a name with or without a port, when the endpoint fails, rather than the endpoint's own
    /// fallbacks (`REC2a2`). With none, nothing is tried again (`RSC15m`).
    ///
    /// Those without a port are called at the endpoint's. A text that is no host is reported when the client is made.
    #[must_use]
    pub fn fallback_hosts(mut self, hosts: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.http.set_fallback_hosts(hosts);
        self
    }

    /// How many other hosts a request may be sent to after the first (`TO3l5`): 3 unless set.
    #[must_use]
    pub const fn http_max_retry_count(mut self, count: usize) -> Self {
        self.http.http_max_retry_count = count;
        self
    }

    /// How long after its beginning a request may still be sent to another host (`TO3l6`): 15 s unless set. With zero, it is
    /// sent to none.
    #[must_use]
    pub const fn http_max_retry_duration(mut self, duration: Duration) -> Self {
        self.http.http_max_retry_duration = duration;
        self
    }

    /// For how long requests go first to a fallback host that has worked (`TO3l10`, `RSC15f`): 10 min unless set. With zero,
    /// each begins with the endpoint.
    #[must_use]
    pub const fn fallback_retry_timeout(mut self, timeout: Duration) -> Self {
        self.http.fallback_retry_timeout = timeout;
        self
    }

    /// How long one try of a request may take, to the last byte of its answer (`TO3l4`, `RSC13`): 10 s unless set.
    ///
    /// More than a day counts as a day; there is no client with a time-out of zero.
    #[must_use]
    pub const fn http_request_timeout(mut self, timeout: Duration) -> Self {
        self.http.http_request_timeout = timeout;
        self
    }

    /// How long a connection may take to be made (`TO3l3`): 4 s unless set. Bounds as for
    /// [`http_request_timeout`](Self::http_request_timeout), which includes it.
    #[must_use]
    pub const fn http_open_timeout(mut self, timeout: Duration) -> Self {
        self.http.http_open_timeout = timeout;
        self
    }

    /// Trusts servers by those root certificates: [Mozilla's](TlsRoots::Mozilla) unless set.
    ///
    /// [`TlsRoots::System`] needs the feature `native-roots` of the client's crate; without it, making the client fails.
    #[must_use]
    pub const fn tls_roots(mut self, roots: TlsRoots) -> Self {
        self.http.tls_roots = roots;
        self
    }

    /// Trusts the root certificates in `pem` too, such as a company's own CA. It can be called several times.
    ///
    /// `pem` holds one or more `BEGIN CERTIFICATE` blocks. Making the client fails if it holds none, or one that is not a
    /// certificate.
    ///
    /// ```
    /// use ably_auth::{Async, ClientOptions};
    ///
    /// # fn options() -> std::io::Result<()> {
    /// let options = ClientOptions::<Async>::new().add_root_certificates(std::fs::read("company-ca.pem")?);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn add_root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.http.root_certificates.push(pem.into().into());
        self
    }

    /// Limits how long a call waits for a token that is being got: 60 s unless set. A wait that takes longer ends with
    /// [`ErrorKind::TokenTimedOut`](crate::ErrorKind::TokenTimedOut) and 40170 (`RSA4e`).
    ///
    /// So an auth callback that asks its own client for a token through a task or thread ends with an error; without a limit
    /// it would wait for itself for ever. A blocking client does not interrupt the callback itself. An async client needs a
    /// transport with a [timer](crate::Transport::sleep), as `ably-auth-reqwest` has.
    #[must_use]
    pub const fn token_timeout(mut self, timeout: Duration) -> Self {
        self.token_timeout = timeout;
        self
    }

    /// Sends a random `request_id` with every request to the service, the same with each try, and tells it in the
    /// [errors](Error::request_id) (`RSC7c`, `TO3p`).
    #[must_use]
    pub const fn add_request_ids(mut self, add: bool) -> Self {
        self.http.add_request_ids = add;
        self
    }

    /// Allows Basic authentication without TLS where the endpoint is this machine: for a local sandbox only.
    #[must_use]
    pub const fn allow_basic_on_loopback(mut self, allow: bool) -> Self {
        self.basic_on_loopback = allow;
        self
    }

    /// Takes the time from there.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Takes nonces from there.
    #[must_use]
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// Where the service is called.
    #[must_use]
    pub const fn get_endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// How requests are sent: what a transport is made for.
    #[must_use]
    pub const fn get_http_settings(&self) -> &HttpSettings {
        &self.http
    }

    /// Refuses what cannot work, or not together.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.check_identity()?;
        self.http.check()?;
        if self.token_timeout.is_zero() {
            return Err(Error::configuration(
                "invalid token timeout: zero leaves no time for a token; set a longer one, or leave it at its default",
            ));
        }
        self.check_tokens_by(&self.auth)?;
        if self.auth.uses_tokens() { Ok(()) } else { self.check_basic() }
    }

    /// Refuses credentials with which this client cannot get tokens.
    pub(crate) fn check_tokens_by(&self, auth: &AuthOptions<M>) -> Result<(), Error> {
        auth.check()?;
        auth.token.as_ref().map_or(Ok(()), |token| identity::check(self.identity(), token))
    }

    fn check_identity(&self) -> Result<(), Error> {
        let refused = |why| Err(Error::with_code(ErrorCode::INVALID_CLIENT_ID, why));
        if self.client_id == ClientId::Any {
            return refused(
                "a client cannot be `*`; leave the clientId out, or ask for it in the default token params",
            );
        }
        match (self.identity(), &self.default_token_params.client_id) {
            (Some(own), ClientId::Identified(asked)) if own != asked => refused(
                "the default token params ask for another clientId than the client's; leave it out of one of them",
            ),
            _ => Ok(()),
        }
    }

    /// Refuses to send a key where others could read it (`RSC18`).
    pub(crate) fn check_basic(&self) -> Result<(), Error> {
        let named = self.http.named_fallback_hosts()?.unwrap_or_default();
        let all_on_loopback =
            || self.endpoint.is_loopback() && named.iter().all(|host| hosts::is_loopback_host(host.host()));
        if self.endpoint.is_tls() || (self.basic_on_loopback && all_on_loopback()) {
            return Ok(());
        }
        Err(Error::with_code(
            ErrorCode::BASIC_AUTH_WITHOUT_TLS,
            "a key is not sent without TLS; use https or tokens, or allow it for a sandbox on this machine",
        ))
    }

    pub(crate) fn identity(&self) -> Option<&Identity> {
        match &self.client_id {
            ClientId::Identified(identity) => Some(identity),
            ClientId::None | ClientId::Any => None,
        }
    }

    /// The params as the client asks them: with its identity where they name none (`RSA12`).
    pub(crate) fn with_identity(&self, mut params: TokenParams) -> TokenParams {
        if params.client_id.is_none() {
            params.client_id = self.client_id.clone();
        }
        params
    }
}

auth_setters!(ClientOptions.auth);

impl<M: Mode> Default for ClientOptions<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: Mode> fmt::Debug for ClientOptions<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientOptions")
            .field("auth", &self.auth)
            .field("client_id", &self.client_id)
            .field("default_token_params", &self.default_token_params)
            .field("endpoint", &self.endpoint)
            .field("http", &self.http)
            .field("basic_on_loopback", &self.basic_on_loopback)
            .field("token_timeout", &self.token_timeout)
            .finish_non_exhaustive()
    }
}
