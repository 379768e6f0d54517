//! A client's authentication over any transport, for connections.

use std::fmt;
use std::sync::Arc;

use ably_auth_core::{ClientId, Identity, TokenDetails, TokenParams};
use async_trait::async_trait;

use super::hosts::ServiceHosts;
use super::output::CredentialsQuery;
use crate::auth::{Auth, Credentials};
use crate::auth_options::AuthOptions;
use crate::clock::Clock;
use crate::error::Error;
use crate::http_settings::HttpSettings;
use crate::mode::Async;
use crate::random::Random;
use crate::transport::Transport;

/// An [`Auth`] over any transport, for a connection that shares its tokens.
///
/// ```
/// use ably_auth::connection::ConnectionAuth;
/// use ably_auth::{Auth, ClientOptions, Error, Transport};
///
/// fn for_connection<T: Transport + 'static>(auth: &Auth<T>) -> Result<ConnectionAuth, Error> {
///     ConnectionAuth::new(auth)
/// }
/// ```
#[derive(Clone)]
pub struct ConnectionAuth {
    auth: Arc<dyn ErasedAuth>,
    hosts: ServiceHosts,
    http: HttpSettings,
    identity: Option<Identity>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

#[async_trait]
trait ErasedAuth: Send + Sync {
    async fn credentials(&self) -> Result<Credentials, Error>;
    async fn renewed(&self, refused: &Credentials) -> Result<Credentials, Error>;
    async fn newer(&self, current: &Credentials) -> Result<Credentials, Error>;
    async fn authorize(
        &self,
        params: Option<&TokenParams>,
        options: Option<AuthOptions<Async>>,
    ) -> Result<TokenDetails, Error>;
    async fn can_reach(&self, url: &str) -> bool;
    fn client_id(&self) -> ClientId;
}

#[async_trait]
impl<T: Transport + 'static> ErasedAuth for Auth<T> {
    async fn credentials(&self) -> Result<Credentials, Error> {
        self.credentials().await
    }

    async fn renewed(&self, refused: &Credentials) -> Result<Credentials, Error> {
        self.renewed_credentials(refused).await
    }

    async fn newer(&self, current: &Credentials) -> Result<Credentials, Error> {
        self.newer_credentials(current).await
    }

    async fn authorize(
        &self,
        params: Option<&TokenParams>,
        options: Option<AuthOptions<Async>>,
    ) -> Result<TokenDetails, Error> {
        match options {
            Some(options) => self.authorize_with(params, options).await,
            None => self.authorize(params).await,
        }
    }

    async fn can_reach(&self, url: &str) -> bool {
        self.can_reach(url).await
    }

    fn client_id(&self) -> ClientId {
        self.client_id()
    }
}

impl ConnectionAuth {
    /// Creates it from the authentication of a client.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if a fallback host of the options is invalid.
    pub fn new<T: Transport + 'static>(auth: &Auth<T>) -> Result<Self, Error> {
        let options = auth.options();
        Ok(Self {
            auth: Arc::new(auth.clone()),
            hosts: ServiceHosts::new(&options.endpoint, &options.http)?,
            http: options.http.clone(),
            identity: options.identity().cloned(),
            clock: Arc::clone(&options.clock),
            random: Arc::clone(&options.random),
        })
    }

    /// Returns the hosts of the service.
    #[must_use]
    pub const fn hosts(&self) -> &ServiceHosts {
        &self.hosts
    }

    /// Returns the HTTP settings, which have the trusted root certificates.
    #[must_use]
    pub const fn http_settings(&self) -> &HttpSettings {
        &self.http
    }

    /// Returns the clock of the client's options.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Returns the source of randomness of the client's options.
    #[must_use]
    pub fn random(&self) -> &dyn Random {
        &*self.random
    }

    /// Returns the client's own identity.
    #[must_use]
    pub const fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// Returns the client's identity, or else that of its token (`RSA7b`).
    #[must_use]
    pub fn client_id(&self) -> ClientId {
        self.auth.client_id()
    }

    /// Gets the credentials that a connection needs. [`CredentialsQuery::Authorize`] gets the current ones: call
    /// [`authorize`](Self::authorize) first.
    ///
    /// # Errors
    /// The error of the token source.
    pub async fn credentials(&self, query: &CredentialsQuery) -> Result<Credentials, Error> {
        match query {
            CredentialsQuery::Current | CredentialsQuery::Authorize => self.auth.credentials().await,
            CredentialsQuery::NewerThan(current) => self.auth.newer(current).await,
            CredentialsQuery::Refused(refused) => self.auth.renewed(refused).await,
        }
    }

    /// Requests a new token: see [`Auth::authorize`] and [`Auth::authorize_with`].
    ///
    /// # Errors
    /// As these methods.
    pub async fn authorize(
        &self,
        params: Option<&TokenParams>,
        options: Option<AuthOptions<Async>>,
    ) -> Result<TokenDetails, Error> {
        self.auth.authorize(params, options).await
    }

    /// Returns true if `url` responds with success, and with `yes` in its body (`REC3`).
    pub async fn can_reach(&self, url: &str) -> bool {
        self.auth.can_reach(url).await
    }

    /// The URL that tells if the internet can be reached (`REC3a`).
    pub const CONNECTIVITY_CHECK_URL: &'static str = "https://internet-up.ably-realtime.com/is-the-internet-up.txt";
}

impl fmt::Debug for ConnectionAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionAuth")
            .field("hosts", &self.hosts)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}
