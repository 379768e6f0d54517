//! A token that was found to be genuine, and what it says.

use std::fmt;
use std::sync::Arc;

use ably_auth_core::{Capability, ClientId, JwtClaims, KeyName, Timestamp};

/// A token that was found to be genuine and in force, and what it says. Copies share what they hold.
///
/// It is for a [`VerifyToken`](crate::VerifyToken) to make one: whoever has it is believed.
#[derive(Clone, PartialEq)]
pub struct VerifiedToken(Arc<Verified>);

#[derive(Clone, PartialEq)]
struct Verified {
    key_name: KeyName,
    client_id: ClientId,
    capability: Arc<Capability>,
    issued: Timestamp,
    expires: Timestamp,
    claims: Option<JwtClaims>,
}

impl VerifiedToken {
    /// A token of that key, with what its holder may do: what the token says and the key has.
    #[must_use]
    pub fn new(
        key_name: KeyName,
        client_id: ClientId,
        capability: impl Into<Arc<Capability>>,
        (issued, expires): (Timestamp, Timestamp),
    ) -> Self {
        let capability = capability.into();
        Self(Arc::new(Verified { key_name, client_id, capability, issued, expires, claims: None }))
    }

    /// The same token, which is a JWT with those claims.
    #[must_use]
    pub fn with_claims(mut self, claims: JwtClaims) -> Self {
        Arc::make_mut(&mut self.0).claims = Some(claims);
        self
    }

    /// The key that issued it.
    #[must_use]
    pub fn key_name(&self) -> &KeyName {
        &self.0.key_name
    }

    /// As whom its holder may act.
    #[must_use]
    pub fn client_id(&self) -> &ClientId {
        &self.0.client_id
    }

    /// What its holder may do.
    #[must_use]
    pub fn capability(&self) -> &Capability {
        &self.0.capability
    }

    /// When it was issued.
    #[must_use]
    pub fn issued(&self) -> Timestamp {
        self.0.issued
    }

    /// When it expires.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        self.0.expires
    }

    /// What a JWT says beyond that; none for other tokens.
    #[must_use]
    pub fn claims(&self) -> Option<&JwtClaims> {
        self.0.claims.as_ref()
    }
}

impl fmt::Debug for VerifiedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedToken")
            .field("key_name", self.key_name())
            .field("client_id", self.client_id())
            .field("capability", self.capability())
            .field("issued", &self.issued())
            .field("expires", &self.expires())
            .finish_non_exhaustive()
    }
}
