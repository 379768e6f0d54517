//! What a client asks of a token.

use crate::capability::Capability;
use crate::client_id::ClientId;
use crate::nonce::Nonce;
use crate::time::{Timestamp, Ttl};

/// What is asked of a token (`TK1`): all of it optional.
///
/// ```
/// use ably_auth_core::{ClientId, TokenParams, Ttl};
///
/// let params = TokenParams::new()
///     .client_id(ClientId::parse("bob")?)
///     .ttl(Ttl::from_millis(60_000)?)
///     .capability(r#"{"chat":["publish"]}"#.parse()?);
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TokenParams {
    /// How long the token is to live; the service's 60 minutes if left out (`TK2a`).
    pub ttl: Option<Ttl>,
    /// What the token is to permit; all that the key permits if left out (`TK2b`).
    pub capability: Option<Capability>,
    /// Whom the token is to identify (`TK2c`).
    pub client_id: ClientId,
    /// When the request is made; the moment of signing if left out (`TK2d`).
    pub timestamp: Option<Timestamp>,
    /// What makes the request unique; random if left out (`TK2e`).
    pub nonce: Option<Nonce>,
}

impl TokenParams {
    /// Nothing in particular.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for that lifetime.
    #[must_use]
    pub const fn ttl(mut self, ttl: Ttl) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Asks for that capability.
    #[must_use]
    pub fn capability(mut self, capability: Capability) -> Self {
        self.capability = Some(capability);
        self
    }

    /// Asks for that identity.
    #[must_use]
    pub fn client_id(mut self, client_id: impl Into<ClientId>) -> Self {
        self.client_id = client_id.into();
        self
    }

    /// Signs as of that moment.
    #[must_use]
    pub const fn timestamp(mut self, timestamp: Timestamp) -> Self {
        self.timestamp = Some(timestamp);
        self
    }

    /// Signs with that nonce.
    #[must_use]
    pub fn nonce(mut self, nonce: Nonce) -> Self {
        self.nonce = Some(nonce);
        self
    }
}
