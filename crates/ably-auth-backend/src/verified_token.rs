//! Verified tokens and their content.

use std::fmt;
use std::sync::Arc;

use ably_auth_core::{Capability, ClientId, JwtClaims, KeyName, Timestamp, VerifiedJwt};

/// A token that was verified to be genuine and valid. Clones share their content.
///
/// Only a [`VerifyToken`](crate::VerifyToken) should create one, since the crate trusts its content.
///
/// ```
/// use ably_auth_backend::{Capability, ClientId, KeyName, Timestamp, VerifiedToken};
///
/// let issued = Timestamp::from_millis(1_767_225_600_000);
/// let life = (issued, Timestamp::from_millis(1_767_229_200_000));
/// let chat: Capability = r#"{"chat:*":["publish"]}"#.parse()?;
/// let token = VerifiedToken::new(KeyName::parse("appId.keyId")?, ClientId::parse("bob")?, chat, life);
/// assert!(token.client_id().permits("bob") && token.capability().permits("chat:room1", "publish"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct VerifiedToken(Arc<Verified>);

#[derive(Clone, PartialEq)]
struct Verified {
    capability: Arc<Capability>,
    source: Source,
}

#[derive(Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "allocated once, and shared by all clones")]
enum Source {
    Jwt(VerifiedJwt),
    Other { key_name: KeyName, client_id: ClientId, issued: Timestamp, expires: Timestamp },
}

impl VerifiedToken {
    /// Creates a token of a key. The capability must be the intersection of the token's and the key's.
    #[must_use]
    pub fn new(
        key_name: KeyName,
        client_id: ClientId,
        capability: impl Into<Arc<Capability>>,
        (issued, expires): (Timestamp, Timestamp),
    ) -> Self {
        let source = Source::Other { key_name, client_id, issued, expires };
        Self(Arc::new(Verified { capability: capability.into(), source }))
    }

    /// Creates a token from a JWT. The capability must be the intersection of the JWT's and the key's.
    #[must_use]
    pub fn of_jwt(jwt: VerifiedJwt, capability: impl Into<Arc<Capability>>) -> Self {
        Self(Arc::new(Verified { capability: capability.into(), source: Source::Jwt(jwt) }))
    }

    /// Returns the name of the key that issued the token.
    #[must_use]
    pub fn key_name(&self) -> &KeyName {
        match &self.0.source {
            Source::Jwt(jwt) => jwt.key_name(),
            Source::Other { key_name, .. } => key_name,
        }
    }

    /// Returns the clientId that the holder may act as.
    #[must_use]
    pub fn client_id(&self) -> &ClientId {
        match &self.0.source {
            Source::Jwt(jwt) => jwt.claims().client_id(),
            Source::Other { client_id, .. } => client_id,
        }
    }

    /// Returns the capability of the holder.
    #[must_use]
    pub fn capability(&self) -> &Capability {
        &self.0.capability
    }

    /// Returns the time of issue.
    #[must_use]
    pub fn issued(&self) -> Timestamp {
        match &self.0.source {
            Source::Jwt(jwt) => jwt.claims().issued(),
            Source::Other { issued, .. } => *issued,
        }
    }

    /// Returns the time of expiry.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        match &self.0.source {
            Source::Jwt(jwt) => jwt.claims().expires(),
            Source::Other { expires, .. } => *expires,
        }
    }

    /// Returns the claims of a JWT; `None` for other tokens.
    #[must_use]
    pub fn claims(&self) -> Option<&JwtClaims> {
        match &self.0.source {
            Source::Jwt(jwt) => Some(jwt.claims()),
            Source::Other { .. } => None,
        }
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
