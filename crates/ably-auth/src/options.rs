//! Client options.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ably_auth_core::{ClientId, ErrorCode, Identity, TokenParams};

use crate::auth_options::{AuthOptions, auth_setters};
use crate::clock::{Clock, SystemClock};
use crate::error::Error;
use crate::hosts::{self, Endpoint};
use crate::http_settings::HttpSettings;
use crate::identity;
use crate::mode::Mode;
use crate::random::{Random, SystemRandom};
use crate::tls_roots::TlsRoots;

/// The options of a client: credentials, endpoint, HTTP settings.
///
/// A client with only a key uses Basic authentication, unless [`use_token_auth`](Self::use_token_auth) is set. A client
/// with a token, an auth callback or URL, a token source, or `mint_jwt` uses tokens (`RSA4`). [`AuthOptions`] describes
/// the order of the token sources.
///
/// Setters take a value, or text that is parsed. Invalid text is reported when the client is created.
///
/// ```
/// use ably_auth::{Async, ClientOptions};
///
/// let options = ClientOptions::<Async>::new().key("app.key:secret").client_id("bob").use_token_auth(true);
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
    /// Creates options without credentials, with Ably's default endpoint.
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

    /// Sets the client's identity, and requests tokens with that identity (`RSA7`).
    #[must_use]
    pub fn client_id(mut self, client_id: impl TryInto<ClientId, Error: Into<Error>>) -> Self {
        self.client_id = self.auth.checked(client_id).unwrap_or_default();
        self
    }

    /// Sets the token params of calls without params. The params of a call replace these completely (`TO3j11`).
    #[must_use]
    pub fn default_token_params(mut self, params: TokenParams) -> Self {
        self.default_token_params = params;
        self
    }

    /// Sets the endpoint of the service, such as `main` or `http://127.0.0.1:8484`: see [`Endpoint`].
    #[must_use]
    pub fn endpoint(mut self, endpoint: impl TryInto<Endpoint, Error: Into<Error>>) -> Self {
        if let Some(endpoint) = self.auth.checked(endpoint) {
            self.endpoint = endpoint;
        }
        self
    }

    /// Sets the fallback hosts, which replace those of the endpoint (`REC2a2`). Each is a name with or without a port.
    /// With an empty list, no request is sent to another host (`RSC15m`).
    ///
    /// A host without a port gets the port of the endpoint. An invalid host is reported when the client is created.
    #[must_use]
    pub fn fallback_hosts(mut self, hosts: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.http.set_fallback_hosts(hosts);
        self
    }

    /// Sets the maximum number of other hosts that a request is sent to after the first (`TO3l5`). The default is 3.
    #[must_use]
    pub const fn http_max_retry_count(mut self, count: usize) -> Self {
        self.http.http_max_retry_count = count;
        self
    }

    /// Sets how long after its start a request may be sent to another host (`TO3l6`). The default is 15 s. With zero,
    /// it is sent to no other host.
    #[must_use]
    pub const fn http_max_retry_duration(mut self, duration: Duration) -> Self {
        self.http.http_max_retry_duration = duration;
        self
    }

    /// Sets how long requests go first to a fallback host that has worked (`TO3l10`, `RSC15f`). The default is 10 min.
    /// With zero, each request goes first to the endpoint.
    #[must_use]
    pub const fn fallback_retry_timeout(mut self, timeout: Duration) -> Self {
        self.http.fallback_retry_timeout = timeout;
        self
    }

    /// Sets the timeout of one attempt of a request, from its start to the last byte of the response (`TO3l4`,
    /// `RSC13`). The default is 10 s.
    ///
    /// The maximum is a day; a longer timeout counts as a day. With zero, creating the client fails.
    #[must_use]
    pub const fn http_request_timeout(mut self, timeout: Duration) -> Self {
        self.http.http_request_timeout = timeout;
        self
    }

    /// Sets the timeout of establishing a connection (`TO3l3`). The default is 4 s.
    /// [`http_request_timeout`](Self::http_request_timeout) includes this time, and has the same limits.
    #[must_use]
    pub const fn http_open_timeout(mut self, timeout: Duration) -> Self {
        self.http.http_open_timeout = timeout;
        self
    }

    /// Sets the root certificates that servers are checked with. The default is [Mozilla's](TlsRoots::Mozilla).
    ///
    /// [`TlsRoots::System`] needs the feature `native-roots` of the client's crate; without it, creating the client
    /// fails.
    #[must_use]
    pub const fn tls_roots(mut self, roots: TlsRoots) -> Self {
        self.http.tls_roots = roots;
        self
    }

    /// Adds the root certificates in `pem`, such as a company's own CA. It can be called several times.
    ///
    /// `pem` contains one or more `BEGIN CERTIFICATE` blocks. Creating the client fails if it contains none, or an
    /// invalid certificate.
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

    /// Sets how long a call waits for a token. The default is 60 s. A longer wait ends with
    /// [`ErrorKind::TokenTimedOut`](crate::ErrorKind::TokenTimedOut) and 40170 (`RSA4e`).
    ///
    /// So a call also ends with an error if the auth callback asks its own client for a token through another task or
    /// thread. Without a limit, the callback would wait for itself for ever. A blocking client does not interrupt the
    /// callback itself. An async client needs a transport with a [timer](crate::Transport::sleep), such as that of
    /// `ably-auth-reqwest`.
    #[must_use]
    pub const fn token_timeout(mut self, timeout: Duration) -> Self {
        self.token_timeout = timeout;
        self
    }

    /// Sends a random `request_id` with every request to the service. All attempts of a request have the same id, and
    /// [errors](Error::request_id) contain it (`RSC7c`, `TO3p`).
    #[must_use]
    pub const fn add_request_ids(mut self, add: bool) -> Self {
        self.http.add_request_ids = add;
        self
    }

    /// Allows Basic authentication without TLS if the endpoint is the local machine: for a local sandbox only.
    #[must_use]
    pub const fn allow_basic_on_loopback(mut self, allow: bool) -> Self {
        self.basic_on_loopback = allow;
        self
    }

    /// Sets the clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the source of randomness, for nonces, jitter, request ids and the order of fallback hosts.
    #[must_use]
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// Returns the endpoint of the service.
    #[must_use]
    pub const fn get_endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Returns the HTTP settings, which a transport is created with.
    #[must_use]
    pub const fn get_http_settings(&self) -> &HttpSettings {
        &self.http
    }

    /// Refuses options that cannot work, or contradict each other.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.auth.check_values()?;
        self.default_token_params.check()?;
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
                "invalid clientId: a client cannot be `*`; leave it out, or set `*` in the default token params",
            );
        }
        match (self.identity(), self.default_token_params.get_client_id()) {
            (Some(own), ClientId::Identified(asked)) if own != asked => refused(
                "conflicting options: the default token params have another clientId than the client; leave out one \
                 of them",
            ),
            _ => Ok(()),
        }
    }

    /// Refuses to send a key without TLS, where others could read it (`RSC18`).
    pub(crate) fn check_basic(&self) -> Result<(), Error> {
        let named = self.http.named_fallback_hosts()?.unwrap_or_default();
        let all_on_loopback =
            || self.endpoint.is_loopback() && named.iter().all(|host| hosts::is_loopback_host(host.host()));
        if self.endpoint.is_tls() || (self.basic_on_loopback && all_on_loopback()) {
            return Ok(());
        }
        Err(Error::with_code(
            ErrorCode::BASIC_AUTH_WITHOUT_TLS,
            "Basic authentication needs TLS: a key is not sent without TLS; use https or tokens, or \
             `allow_basic_on_loopback` for a local sandbox",
        ))
    }

    pub(crate) fn identity(&self) -> Option<&Identity> {
        match &self.client_id {
            ClientId::Identified(identity) => Some(identity),
            ClientId::None | ClientId::Any => None,
        }
    }

    /// Returns `params` with the client's identity, unless they have one (`RSA12`).
    pub(crate) fn with_identity(&self, params: TokenParams) -> TokenParams {
        if params.get_client_id().is_none() { params.client_id(self.client_id.clone()) } else { params }
    }
}

auth_setters!(ClientOptions.auth);

impl<M: Mode> Clone for ClientOptions<M> {
    fn clone(&self) -> Self {
        Self {
            auth: self.auth.clone(),
            client_id: self.client_id.clone(),
            default_token_params: self.default_token_params.clone(),
            endpoint: self.endpoint.clone(),
            http: self.http.clone(),
            clock: Arc::clone(&self.clock),
            random: Arc::clone(&self.random),
            ..*self
        }
    }
}

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
