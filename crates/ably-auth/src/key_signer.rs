//! A key with the clock and the randomness that signing needs.

use std::fmt;
use std::sync::Arc;

use ably_auth_core::{ApiKey, Signer, Timestamp, TokenDetails, TokenParams, TokenRequest, Ttl, Validity, jwt};

use crate::clock::{Clock, SystemClock};
use crate::error::Error;
use crate::random::{Random, SystemRandom};
use crate::time_offset::TimeOffset;

/// A key that signs token requests and mints JWTs, with the clock and the randomness that it needs.
///
/// ```
/// use ably_auth::sources::KeySigner;
/// use ably_auth::{ApiKey, TokenParams};
///
/// let key = ApiKey::parse("app.key:secret")?;
/// let request = KeySigner::new(key.clone()).create_token_request(&TokenParams::new())?;
/// assert!(request.verify(&key).is_ok());
/// # Ok::<(), ably_auth::Error>(())
/// ```
#[derive(Clone)]
pub struct KeySigner {
    key: ApiKey,
    signer: Signer,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    time_offset: Arc<TimeOffset>,
    query_time: bool,
}

impl KeySigner {
    /// Creates a signer with the operating system's clock and randomness.
    #[must_use]
    pub fn new(key: ApiKey) -> Self {
        Self {
            signer: key.signer(),
            key,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            time_offset: Arc::default(),
            query_time: false,
        }
    }

    /// Sets the clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the source of randomness.
    #[must_use]
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// Sets the [`TimeOffset`] that stores the service's time. Other signers and caches can share it.
    #[must_use]
    pub fn time_offset(mut self, time_offset: Arc<TimeOffset>) -> Self {
        self.time_offset = time_offset;
        self
    }

    /// Sets whether [`IssueToken`](crate::exchange::IssueToken) asks the service for its time before it signs, if that
    /// is not known yet (`RSA10k`).
    #[must_use]
    pub const fn query_time(mut self, query_time: bool) -> Self {
        self.query_time = query_time;
        self
    }

    /// Signs a token request with `params`, for another client to exchange (`RSA9`).
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if the source of randomness fails.
    pub fn create_token_request(&self, params: &TokenParams) -> Result<TokenRequest, Error> {
        let nonce = self.random.nonce()?;
        Ok(TokenRequest::sign_with(&self.signer, self.key.key_name(), params, self.now(), nonce)?)
    }

    /// Mints a JWT with `params`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if `params` do not fit into a JWT.
    pub fn mint(&self, params: &TokenParams) -> Result<TokenDetails, Error> {
        let issued = params.get_timestamp().unwrap_or_else(|| self.now());
        let token = jwt::mint_with(&self.signer, self.key.key_name(), params, issued)?;
        let expires = issued.saturating_add(params.get_ttl().unwrap_or(Ttl::DEFAULT));
        let validity = Validity { issued, expires };
        let key_name = self.key.key_name().clone();
        Ok(TokenDetails::issued_by(key_name, token, validity, params.get_capability(), params.get_client_id().clone()))
    }

    /// Returns the service's time if it is known, or else the local time.
    fn now(&self) -> Timestamp {
        self.time_offset.service_time(self.clock.moment()).unwrap_or_else(|| self.clock.now())
    }

    pub(crate) fn needs_service_time(&self) -> bool {
        self.query_time && self.time_offset.service_time(self.clock.moment()).is_none()
    }

    pub(crate) fn set_service_time(&self, service_time: Timestamp) {
        self.time_offset.set(service_time, self.clock.moment());
    }
}

impl fmt::Debug for KeySigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySigner").field("key", &self.key).finish_non_exhaustive()
    }
}
