//! The parameters of a token request.

use crate::capability::Capability;
use crate::credentials::{ClientId, Nonce};
use crate::time::{Timestamp, Ttl};

/// The requested properties of a token (`TK1`). All of them are optional.
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
    /// The lifetime of the token. The service's default is 60 minutes (`TK2a`).
    pub ttl: Option<Ttl>,
    /// The capability of the token. The default is the capability of the key (`TK2b`).
    pub capability: Option<Capability>,
    /// The identity of the token (`TK2c`).
    pub client_id: ClientId,
    /// The time of the request. The default is the time of signing (`TK2d`).
    pub timestamp: Option<Timestamp>,
    /// A text that makes the request unique. The default is random (`TK2e`).
    pub nonce: Option<Nonce>,
}

impl TokenParams {
    /// Creates parameters that request no particular property.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the lifetime.
    #[must_use]
    pub const fn ttl(mut self, ttl: Ttl) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Sets the capability.
    #[must_use]
    pub fn capability(mut self, capability: Capability) -> Self {
        self.capability = Some(capability);
        self
    }

    /// Sets the identity.
    #[must_use]
    pub fn client_id(mut self, client_id: impl Into<ClientId>) -> Self {
        self.client_id = client_id.into();
        self
    }

    /// Sets the time of the request.
    #[must_use]
    pub const fn timestamp(mut self, timestamp: Timestamp) -> Self {
        self.timestamp = Some(timestamp);
        self
    }

    /// Sets the nonce.
    #[must_use]
    pub fn nonce(mut self, nonce: Nonce) -> Self {
        self.nonce = Some(nonce);
        self
    }
}
